import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSigningKey, signingKeyPath } from '../../src/server/signing-key-file.ts';
import { secureRandom } from '../../src/util/random.ts';

describe('the signing key file', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'morrow-key-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('is made once, however many start at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => loadSigningKey(dataDir, secureRandom)));
    assert.equal(new Set(keys.map((key) => key.seedBase64)).size, 1);
    assert.deepEqual(await readdir(dataDir), ['signing.key']);
  });

  it('is the same after a restart', async () => {
    const first = await loadSigningKey(dataDir, secureRandom);
    const second = await loadSigningKey(dataDir, secureRandom);
    assert.equal(second.keyId, first.keyId);
    assert.equal(second.seedBase64, first.seedBase64);
  });

  it('is refused with its path and what belongs there when it holds something else', async () => {
    await writeFile(signingKeyPath(dataDir), 'not a key');
    await assert.rejects(
      loadSigningKey(dataDir, secureRandom),
      /signing\.key holds no signing key; expected/,
    );
  });
});
