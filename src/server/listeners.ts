import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/config.ts';
import type { HttpServer } from '../http/http-server.ts';

type ListenerSettings = Pick<Config, 'listen' | 'federationListen' | 'tlsCertPath' | 'tlsKeyPath'>;

/**
 * Opens `app` over plain HTTP and, where `federationListen` says so, over TLS with all the same endpoints. Resolves with
 * the base URLs, plain HTTP first; throws a sentence that names the file when a certificate or its key cannot be used.
 */
export async function openListeners(
  app: Pick<HttpServer, 'listen'>,
  { listen, federationListen, tlsCertPath, tlsKeyPath }: ListenerSettings,
): Promise<readonly string[]> {
  const plain = await app.listen(listen);
  const urls = [`http://${hostInUrl(listen.host)}:${plain.port}`];
  if (federationListen === undefined || tlsCertPath === undefined || tlsKeyPath === undefined) return urls;
  const tls = await readTls(tlsCertPath, tlsKeyPath);
  const { port } = await app.listen({ ...federationListen, tls });
  return [...urls, `https://${hostInUrl(federationListen.host)}:${port}`];
}

async function readTls(certPath: string, keyPath: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([readPem(certPath), readPem(keyPath)]);
  try {
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    throw new Error(`Cannot serve TLS with ${certPath} and ${keyPath}: ${messageOf(cause)}`, { cause });
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Error(`Cannot read ${path} for TLS: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
