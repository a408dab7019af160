import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium } from './chromium.ts';
import { playWithHydrogen } from './hydrogen/play.ts';
import { perform } from './play.ts';

const PATIENCE_MS = 300_000;

describe('Hydrogen in Chromium', () => {
  it('lets two people log in, make rooms, talk openly and in secret, and send pictures', async function () {
    this.timeout(PATIENCE_MS);
    const program = findChromium(process.env['PATH'] ?? '');
    if (program === undefined) {
      console.log('      Chromium is not installed, so no web client is tested.');
      // No npm package brings a browser, and `npm test` asks for nothing but npm. `.ci/run` installs one, so that this runs there.
      this.skip();
    }
    const work = await mkdtemp(join(tmpdir(), 'morrow-web-'));
    const lines: string[] = [];
    const stage = { program, out: work, roomVersion: '11', report: (line: string) => lines.push(line) };
    const { failed, skipped } = await perform(
      await playWithHydrogen(await mkdtemp(join(work, 'client-'))),
      stage,
    );
    assert.deepEqual({ failed, skipped }, { failed: 0, skipped: 0 }, `${lines.join('\n')}\nSee ${work}.`);
    await rm(work, { recursive: true });
  });
});
