import type pg from 'pg';

interface Corkable {
  cork(): void;
  uncork(): void;
}

/**
 * Runs `write`, which sends several statements, and lets them leave as one piece: one system call instead of one a
 * message, and one waking of the database. Without a stream to cork they leave as they come.
 */
export function sendTogether<T>(client: pg.PoolClient, write: () => T): T {
  const stream = streamOf(client);
  stream?.cork();
  try {
    return write();
  } finally {
    stream?.uncork();
  }
}

/** The socket under a client, which pg does not declare. */
function streamOf(client: object): Corkable | undefined {
  const connection: unknown = 'connection' in client ? client.connection : undefined;
  if (typeof connection !== 'object' || connection === null || !('stream' in connection)) return undefined;
  const { stream } = connection;
  return isCorkable(stream) ? stream : undefined;
}

function isCorkable(stream: unknown): stream is Corkable {
  return typeof stream === 'object' && stream !== null && 'cork' in stream && 'uncork' in stream;
}
