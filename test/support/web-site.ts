import { createServer, type ServerResponse } from 'node:http';
import { closeAtOnce, listenOnLoopback } from './loopback.ts';

/** A site on 127.0.0.1 that keeps which paths were asked for. */
export interface WebSite extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  readonly asked: string[];
}

/** What stands at a path: an answer in a few words, or all of it. */
export type Page =
  | {
      readonly type: string;
      readonly body: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | ((response: ServerResponse) => void);

/** Serves pages by their paths, and 404 for all others. */
export async function startWebSite(pages: Readonly<Record<string, Page>>): Promise<WebSite> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const page = pages[path];
    if (page === undefined) response.writeHead(404).end();
    else if (typeof page === 'function') page(response);
    else response.writeHead(200, { 'Content-Type': page.type, ...page.headers }).end(page.body);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
}
