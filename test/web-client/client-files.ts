import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { basename, extname, join, normalize, sep } from 'node:path';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';

/** A web client that is served on this machine only. */
export interface ServedClient extends AsyncDisposable {
  readonly baseUrl: string;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.ogg': 'audio/ogg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/**
 * Serves a directory that holds a built web client of one page: a path without a file name is its `index.html`, and a file
 * that is asked for in a folder where it is not is the one of that name at the top. `config` stands for `/config.json`.
 */
export async function serveClient(directory: string, config: unknown): Promise<ServedClient> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://client.invalid');
    void sendFile(response, directory, decodeURIComponent(pathname), config);
  });
  const port = await listenOnLoopback(server);
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
}

async function sendFile(
  response: ServerResponse,
  directory: string,
  path: string,
  config: unknown,
): Promise<void> {
  if (path === '/config.json') {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(config));
    return;
  }
  const candidates = [path, basename(path), ...(extname(path) === '' ? ['index.html'] : [])];
  for (const name of candidates) {
    const content = await readInside(directory, name);
    if (content === undefined) continue;
    response.setHeader('Content-Type', MEDIA_TYPES[extname(name)] ?? 'application/octet-stream').end(content);
    return;
  }
  response.writeHead(404).end();
}

/** Undefined for what is no file, and for what would lie outside. */
async function readInside(directory: string, name: string): Promise<Buffer | undefined> {
  const path = normalize(join(directory, name));
  if (!path.startsWith(`${normalize(directory)}${sep}`)) return undefined;
  return readFile(path).catch(() => undefined);
}
