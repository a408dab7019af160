import { hash, verify, type Options } from '@node-rs/argon2';
import { unavailable } from '../matrix/errors.ts';

/** Hashes and checks passwords: argon2id, in PHC string form. */
export interface Passwords {
  /** The string to store. Throws 503 when too many wait already. */
  hash(password: string): Promise<string>;
  /** True when the password belongs to the hash. Without a hash it is false after just as much work. */
  verify(password: string, passwordHash: string | undefined): Promise<boolean>;
}

/** `normal` follows OWASP's advice for argon2id; `low` is for test servers only. */
const COSTS: Readonly<Record<'normal' | 'low', Options>> = {
  normal: { memoryCost: 19_456, timeCost: 2, parallelism: 1 },
  low: { memoryCost: 8, timeCost: 1, parallelism: 1 },
};
/** More would take the thread pool from all else that needs it. */
const AT_ONCE = 2;
const MOST_WAITING = 500;
const RETRY_AFTER_MS = 2_000;

/** Passwords at the given cost. A hash made at another cost is still verified. */
export function createPasswords(cost: 'normal' | 'low'): Passwords {
  const inTurn = createTurns(AT_ONCE, MOST_WAITING);
  // Checked where there is no account, so that the time taken does not say which names exist.
  let standIn: Promise<string> | undefined;
  return {
    hash: (password) => inTurn(() => hash(password, COSTS[cost])),
    async verify(password, passwordHash) {
      if (passwordHash !== undefined) return inTurn(() => verify(passwordHash, password));
      standIn ??= hash('', COSTS[cost]);
      const standInHash = await standIn;
      await inTurn(() => verify(standInHash, password));
      return false;
    },
  };
}

type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

function createTurns(atOnce: number, mostWaiting: number): InTurn {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= mostWaiting)
        throw unavailable('Too many people log in right now', RETRY_AFTER_MS);
      // Who ends hands its place over, so that `running` stays the same.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
