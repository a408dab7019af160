import { Router, type RouterContext } from '@koa/router';
import FindMyWay from 'find-my-way';
import { invalidParam, methodNotAllowed, MatrixError, unrecognized } from '../matrix/errors.ts';
import type { CallContext, CallState } from './call-context.ts';
import type { Endpoint } from './endpoint.ts';
import { listParamNames } from './path-params.ts';

/** Answers a request whose endpoint was found; `params` are decoded. */
export type Answer = (context: CallContext, params: Readonly<Record<string, string>>) => Promise<void>;

/** Finds the endpoint of a request and has it answered. */
export type Dispatch = (context: RouterContext<CallState>) => Promise<void>;

/** A request line is at most as long as all headers together, so that this limit is never the one that is met. */
const MAX_PARAM_LENGTH = 1 << 20;
const methods = ['GET', 'PUT', 'POST', 'DELETE'] as const;
const verbs = { GET: 'get', PUT: 'put', POST: 'post', DELETE: 'delete' } as const;

/**
 * Mounts each row on a small router of its own, which matches exactly and decodes the parameters, and finds that
 * router in a radix tree: one router with all rows would try every one of them on every request. A literal segment
 * beats a parameter. Dispatching throws 404 or 405 M_UNRECOGNIZED, and 400 M_INVALID_PARAM for a bad percent-encoding.
 * Two rows at one method and path, or a template that cannot be mounted, throw here, at the start.
 */
export function mountEndpoints<Row extends MountedRow>(
  rows: readonly Row[],
  answer: (row: Row) => Answer,
): Dispatch {
  refuseBadTemplates(rows);
  refuseOverlaps(rows);
  const tree = FindMyWay({ caseSensitive: true, maxParamLength: MAX_PARAM_LENGTH });
  const routesOf = new Map<unknown, ReturnType<Router<CallState>['routes']>>();
  for (const row of rows) {
    const router = new Router<CallState>({ strict: true, sensitive: true });
    const answerRow = answer(row);
    for (const path of pathsOf(row)) {
      router[verbs[row.method]](path.replaceAll(PARAM, ':$1'), (context) =>
        answerRow(context, context.params),
      );
      tree.on(row.method, path.replaceAll(PARAM, ':$1'), neverRun, row);
    }
    routesOf.set(row, router.routes());
  }
  const find = (method: string, path: string): unknown => {
    const mounted = methods.find((known) => known === (method === 'HEAD' ? 'GET' : method));
    return mounted === undefined ? undefined : tree.find(mounted, path)?.store;
  };
  return async (context) => {
    if (!isDecodable(context.path)) throw invalidParam('The path has a broken percent-encoding');
    const routes = routesOf.get(find(context.method, context.path));
    if (routes === undefined)
      throw notMounted(methods.filter((method) => find(method, context.path) !== undefined));
    await routes(context, () => Promise.reject(notMounted([])));
  };
}

type MountedRow = Pick<Endpoint<never>, 'name' | 'method' | 'path' | 'alsoAt'>;

const PARAM = /\{([A-Za-z]+)\}/g;
const TEMPLATE = /^(?:\/(?:[A-Za-z0-9._~-]*|\{[A-Za-z]+\}))+$/;

function pathsOf(row: MountedRow): readonly string[] {
  return [row.path, ...row.alsoAt];
}

/** The tree is asked for what it stores beside a handler, and runs none. */
function neverRun(): void {}

function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function notMounted(allowed: readonly string[]): MatrixError {
  if (allowed.length === 0) return unrecognized('Unrecognized request');
  const { status, errcode, message } = methodNotAllowed('This path does not have that method');
  const list = [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
  return new MatrixError(status, errcode, message, {}, { Allow: list.join(', ') });
}

function refuseBadTemplates(rows: readonly MountedRow[]): void {
  for (const row of rows) {
    const names = listParamNames(row.path).toSorted().join();
    for (const path of pathsOf(row)) {
      if (!TEMPLATE.test(path)) throw new Error(`${row.name}: ${path} is not a path template`);
      if (listParamNames(path).toSorted().join() !== names) {
        throw new Error(`${row.name}: ${path} must have the parameters of ${row.path}`);
      }
    }
  }
}

function refuseOverlaps(rows: readonly MountedRow[]): void {
  const taken = new Map<string, string>();
  for (const row of rows) {
    for (const path of pathsOf(row)) {
      const shape = `${row.method} ${path.replaceAll(PARAM, '{}')}`;
      const other = taken.get(shape);
      if (other !== undefined) throw new Error(`${other} and ${row.name} are both at ${row.method} ${path}`);
      taken.set(shape, row.name);
    }
  }
}
