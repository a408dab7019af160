import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findChromium } from './chromium.ts';
import { cinnyConfig } from './cinny/account.ts';
import { playWithHydrogen } from './hydrogen/play.ts';
import { perform, type Play } from './play.ts';
import { accountStory, searchStory } from './stories/account.ts';
import { encryptionStory } from './stories/encryption.ts';
import { roomStory } from './stories/room.ts';

const USAGE = `Usage: npm run test:web -- [--client DIRECTORY] [--out DIRECTORY] [--chromium PROGRAM] [--room-version 11]

Two people use a homeserver with a web client in Chromium: Hydrogen, which is put together from its package, or the one
in DIRECTORY, which holds a built Cinny 4 (its index.html), such as the archive of a release has. Screenshots, the server's
log and what the browsers complained about go to --out. A client that does not know what the creator of a room of version
12 may do needs rooms of an older --room-version, 11 by default. Without Chromium nothing is tested.`;

const { values } = parseArgs({
  options: {
    client: { type: 'string' },
    out: { type: 'string' },
    chromium: { type: 'string' },
    'room-version': { type: 'string', default: '11' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const program = values.chromium ?? findChromium(process.env['PATH'] ?? '');
  if (program === undefined) return skip('there is no Chromium on this machine');
  if (values.client !== undefined && !existsSync(join(values.client, 'index.html')))
    return skip(`there is no web client in ${values.client}`);
  const out = values.out ?? (await mkdtemp(join(tmpdir(), 'morrow-web-')));
  await mkdir(out, { recursive: true });
  const built = await mkdtemp(join(tmpdir(), 'morrow-web-client-'));
  try {
    const play = values.client === undefined ? await playWithHydrogen(built) : playWithCinny(values.client);
    const stage = { program, out, roomVersion: values['room-version'], report: console.log };
    const { passed, failed, skipped } = await perform(play, stage);
    console.log(`Screenshots and logs are in ${out}.`);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    return failed === 0 ? 0 : 1;
  } finally {
    await rm(built, { recursive: true, force: true });
  }
}

function skip(reason: string): number {
  console.log(`The web client is not tested: ${reason}.\n0 passed, 0 failed, 1 skipped`);
  return 0;
}

function playWithCinny(clientDirectory: string): Play {
  return {
    clientDirectory,
    config: cinnyConfig,
    story: (scene) => [
      ...roomStory(scene),
      ...accountStory(scene),
      ...encryptionStory(scene),
      ...searchStory(scene),
    ],
    drafts: [],
  };
}
