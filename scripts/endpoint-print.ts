import { readFileSync } from 'node:fs';
import type { Endpoint } from '../src/http/endpoint.ts';
import { listEndpoints } from '../src/http/list-endpoints.ts';

/** An operation of the client-server API, as the specification's OpenAPI files name it. */
export interface SpecOperation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

type Row = Pick<Endpoint<never>, 'name' | 'method' | 'path' | 'alsoAt' | 'auth' | 'rateLimit'>;

const OPERATIONS = new URL('../docs/client-server-operations.tsv', import.meta.url);

/** All operations of the client-server API of Matrix v1.19. https://spec.matrix.org/v1.19/client-server-api/ */
export function readOperations(): readonly SpecOperation[] {
  const [, ...lines] = readFileSync(OPERATIONS, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [name = '', method = '', path = ''] = line.split('\t');
    return { name, method, path };
  });
}

/** The API surface as `docs/endpoints.txt` holds it: each method and path, then which operations are served. */
export function printEndpoints(endpoints: readonly Row[], operations: readonly SpecOperation[]): string {
  const served = new Set(
    endpoints.flatMap((row) => [row.path, ...row.alsoAt].map((path) => shapeOf(row.method, path))),
  );
  const missing = operations.filter(({ method, path }) => !served.has(shapeOf(method, path)));
  return [
    '# Everything that is served: method, path, name, who may call it, rate-limit class.',
    '# Printed by `npm run -s endpoints`; a test compares.',
    '',
    ...listEndpoints(endpoints),
    '',
    `# ${operations.length - missing.length} of the ${operations.length} client-server operations of Matrix v1.19 are served. Not yet:`,
    '',
    ...missing.map(({ name, method, path }) => `${method} ${path}  ${name}`),
    '',
  ].join('\n');
}

/** Two templates are the same place when they differ in the names of parameters only. */
function shapeOf(method: string, path: string): string {
  return `${method} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`;
}
