import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatSigningKeyFile,
  generateSigningKey,
  parseSigningKeyFile,
  type SigningKey,
} from '../matrix/signing-key.ts';
import { randomLetters, type Random } from '../util/random.ts';

/** Where the server's signing key lies. */
export function signingKeyPath(dataDir: string): string {
  return join(dataDir, 'signing.key');
}

/** A new key under a fresh version. */
export function makeServerKey(random: Random): SigningKey {
  return generateSigningKey(random, `a_${randomLetters(random, 4)}`);
}

/**
 * The server's signing key, made on the first start. Two processes that start at once agree on one: the file is
 * created by whoever is first, and the other reads it.
 */
export async function loadSigningKey(dataDir: string, random: Random): Promise<SigningKey> {
  const path = signingKeyPath(dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(path)) await makeKeyFile(path, random);
  const key = parseSigningKeyFile(await readFile(path, 'utf8'));
  if (key === undefined) {
    throw new Error(`${path} holds no signing key; expected one line: ed25519 <version> <base64 seed>`);
  }
  return key;
}

/** Writes a draft and gives it its name only when it is whole; a file that is there already stays. */
async function makeKeyFile(path: string, random: Random): Promise<void> {
  const draft = `${path}.${randomLetters(random, 12)}`;
  await writeFile(draft, formatSigningKeyFile(makeServerKey(random)), { flag: 'wx', mode: 0o600 });
  try {
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
}
