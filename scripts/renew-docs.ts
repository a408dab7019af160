// Writes what documents repeat from the code: docs/endpoints.txt, and the README's table of settings.
import { readFile, writeFile } from 'node:fs/promises';
import { configurationTable } from '../src/config/manual.ts';
import { allEndpoints } from '../src/server/endpoints.ts';
import { printEndpoints, readOperations } from './endpoint-print.ts';

const ROOT = new URL('../', import.meta.url);
const TABLE = /^\| Variable \|.*\n(?:\|.*\n)+/m;

await writeFile(new URL('docs/endpoints.txt', ROOT), printEndpoints(allEndpoints, readOperations()));
const readme = await readFile(new URL('README.md', ROOT), 'utf8');
if (!TABLE.test(readme)) throw new Error('README.md has no table of settings');
await writeFile(
  new URL('README.md', ROOT),
  readme.replace(TABLE, () => `${configurationTable()}\n`),
);
