// Prints the API surface: npm run -s endpoints > docs/endpoints.txt
import { allEndpoints } from '../src/server/endpoints.ts';
import { printEndpoints, readOperations } from './endpoint-print.ts';

process.stdout.write(printEndpoints(allEndpoints, readOperations()));
