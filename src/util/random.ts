import { createHash, randomBytes } from 'node:crypto';

/** Randomness as a seam. Every identifier and token of the server comes from one. */
export interface Random {
  bytes(count: number): Buffer;
}

const POOL_BYTES = 4_096;

/** The machine's cryptographic generator, asked for much at a time: most calls want a few bytes, and each costs as much. */
export const secureRandom: Random = createPool();

function createPool(): Random {
  let pool = Buffer.alloc(0);
  return {
    bytes(count) {
      if (count > POOL_BYTES / 4) return randomBytes(count);
      if (pool.length < count) pool = randomBytes(POOL_BYTES);
      // A copy, so that nobody who changes it changes what others get.
      const taken = Buffer.from(pool.subarray(0, count));
      pool = pool.subarray(count);
      return taken;
    },
  };
}

/** A repeatable stream for tests: the same seed gives the same bytes. Never for secrets. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes(count) {
      const blocks: Buffer[] = [];
      for (let length = 0; length < count; length += 32) {
        blocks.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
      }
      return Buffer.concat(blocks).subarray(0, count);
    },
  };
}

/** A URL-safe token that holds `byteCount` random bytes (16 bytes make 128 bits and 22 characters). */
export function randomToken(random: Random, byteCount: number): string {
  return random.bytes(byteCount).toString('base64url');
}

/** `count` random letters of A–Z and a–z: for identifiers that people read or that must hold letters only. */
export function randomLetters(random: Random, count: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let text = '';
  while (text.length < count) {
    for (const byte of random.bytes(count)) {
      // 208 = 4 × 52: bytes above would favour the first letters.
      if (byte < 208 && text.length < count) text += letters.charAt(byte % 52);
    }
  }
  return text;
}
