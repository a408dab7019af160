import { createServer, type Server } from 'node:http';
import type { ListenAddress } from '../config/values.ts';

/** Where metrics are served. */
export interface MetricsListener extends AsyncDisposable {
  /** Such as `http://127.0.0.1:9090/metrics`. */
  readonly url: string;
}

/** Serves `GET /metrics` on an address of its own, and nothing else. Rejects when the address is taken. */
export async function openMetricsListener(
  address: ListenAddress,
  metrics: { readonly contentType: string; readonly read: () => Promise<string> },
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    const refuse = (status: number): void => void response.writeHead(status).end();
    if (request.url?.split('?')[0] !== '/metrics') refuse(404);
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405);
    else
      metrics.read().then(
        (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
        () => refuse(500),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address.port, address.host, resolve);
  });
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${portOf(server) ?? address.port}/metrics`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function portOf(server: Server): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : undefined;
}
