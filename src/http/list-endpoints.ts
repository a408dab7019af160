import type { Endpoint } from './endpoint.ts';

/** A row as far as it is printed, whatever it depends on. */
type Printable = Pick<Endpoint<never>, 'name' | 'method' | 'path' | 'alsoAt' | 'auth' | 'rateLimit'>;

/** The API surface, a line for each method and path: `METHOD path  name auth rateLimit`, sorted by path. */
export function listEndpoints(endpoints: readonly Printable[]): readonly string[] {
  return endpoints
    .flatMap((row) => [row.path, ...row.alsoAt].map((path) => ({ ...row, path })))
    .sort((a, b) => compare(a.path, b.path) || compare(a.method, b.method))
    .map(({ method, path, name, auth, rateLimit }) => `${method} ${path}  ${name} ${auth} ${rateLimit}`);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
