import { getRequestFn, setRequestFn } from '@vector-im/matrix-bot-sdk';
import { checkAgainstSpec } from './spec-check.ts';

interface Asked {
  readonly method: string;
  readonly uri: string;
}

interface Answered {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

type Callback = (error: unknown, response: Answered | undefined, body: unknown) => void;

/** Holds every answer that matrix-bot-sdk gets against the specification, until disposed. */
export function checkBotSdk(): Disposable {
  const send: (asked: Asked, callback: Callback) => unknown = getRequestFn();
  setRequestFn((asked: Asked, callback: Callback) =>
    send(asked, (error, response, body) => {
      const fault = response === undefined ? undefined : findFault(asked, response, body);
      callback(error ?? fault, response, body);
    }),
  );
  return { [Symbol.dispose]: () => setRequestFn(send) };
}

function findFault({ method, uri }: Asked, { statusCode, headers }: Answered, body: unknown): unknown {
  const contentType = headers['content-type'] ?? null;
  const json: unknown = contentType === 'application/json' ? JSON.parse(String(body)) : undefined;
  try {
    checkAgainstSpec(method, new URL(uri).pathname, { status: statusCode, contentType, json });
    return undefined;
  } catch (error) {
    return error;
  }
}
