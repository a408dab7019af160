import { isJsonObject } from '../../src/util/json.ts';
import type { Passing, Reply, Tampering } from './tampering-proxy.ts';

/** A server that does one thing wrong, and scenarios that all fail for it. */
export interface BrokenServer {
  readonly what: string;
  /** As for `--only`. */
  readonly only: string;
  readonly tampering: () => Tampering;
}

const DONE: Reply = { status: 200, text: '{}' };

export const BROKEN_SERVERS: readonly BrokenServer[] = [
  {
    what: 'says that it has restarted what it has not',
    only: ' 2 ',
    tampering: () => ({ request: (passing) => (/\/(restart|refresh)$/.test(passing.path) ? DONE : passing) }),
  },
  {
    what: 'says that it has cancelled what it has not',
    only: ' 80 ',
    tampering: () => ({ request: (passing) => (passing.path.endsWith('/cancel') ? DONE : passing) }),
  },
  {
    what: 'sends before the time has come',
    only: '^(query 1|stable 1) a message',
    tampering: () => ({ request: hurry }),
  },
  {
    what: 'schedules twice what is asked for once',
    only: '^(seed|stable) (1 a future|1 a message)',
    tampering: () => ({
      request: async (passing, forward) => {
        if (isScheduling(passing)) await forward({ ...passing, path: `${passing.path}again` });
        return forward(passing);
      },
    }),
  },
  {
    what: 'tells everybody what it tells the owner',
    only: '^stable (45 nobody|76)|^seed 45 nobody',
    tampering: takeAllForTheOwner,
  },
];

function isScheduling({ method, path }: Passing): boolean {
  return method === 'PUT' && /\/delayed_event\/|msc4140\.delay=|\/send\/future\//.test(path);
}

/** Shortens what is asked to wait. */
function hurry(passing: Passing): Passing {
  if (!isScheduling(passing)) return passing;
  const path = passing.path.replace(/msc4140\.delay=\d+/, 'msc4140.delay=1');
  const body: unknown = JSON.parse(passing.text);
  if (!isJsonObject(body) || body['delay_ms'] === undefined) return { ...passing, path };
  return { ...passing, path, text: JSON.stringify({ ...body, delay_ms: 1 }) };
}

/** Reads and manages with the token of whoever has made a room, whoever asks. */
function takeAllForTheOwner(): Tampering {
  let owner: string | undefined;
  return {
    request: (passing) => {
      if (passing.path.endsWith('/createRoom')) owner = passing.token;
      const isAbout = /\/(messages|event|context|delayed_events|futures)\b/.test(passing.path);
      return isAbout && passing.token !== undefined ? { ...passing, token: owner } : passing;
    },
  };
}
