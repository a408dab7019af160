import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { findChromium, launchChromium } from './chromium.ts';
import { cinnyConfig } from './cinny/account.ts';
import { serveClient } from './client-files.ts';
import { startMorrow, type LoggedRequest } from './morrow-process.ts';
import { runSteps, type Outcome } from './steps.ts';
import { accountStory, searchStory } from './stories/account.ts';
import { encryptionStory } from './stories/encryption.ts';
import { roomStory } from './stories/room.ts';
import type { Person, Scene } from './stories/scene.ts';
import { recordTraffic, type Traffic } from './traffic.ts';

const USAGE = `Usage: npm run test:web -- --client DIRECTORY [--out DIRECTORY] [--chromium PROGRAM] [--room-version 11]

Two people use a homeserver with a web client in Chromium. DIRECTORY holds a built Cinny 4 (its index.html), such as the
archive of a release has. Screenshots, the server's log and what the browsers complained about go to --out. A client that
does not know what the creator of a room of version 12 may do needs rooms of an older --room-version, 11 by default.
Without a client or without Chromium nothing is tested.`;

const STEP_PATIENCE_MS = 30_000;
const SERVER_NAME = 'localhost';
const VIEWPORT = { width: 1280, height: 800 };
const SUN = '<svg width="320" height="180"><circle cx="230" cy="90" r="45" fill="#ffe08a"/></svg>';

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
  if (values.client === undefined) return skip('no --client is given; see --help');
  if (!existsSync(join(values.client, 'index.html')))
    return skip(`there is no web client in ${values.client}`);
  const out = values.out ?? (await mkdtemp(join(tmpdir(), 'morrow-web-')));
  await mkdir(out, { recursive: true });
  const { passed, failed, skipped } = await testClient(values.client, program, out);
  console.log(`Screenshots and logs are in ${out}.`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

function skip(reason: string): number {
  console.log(`The web client is not tested: ${reason}.\n0 passed, 0 failed, 1 skipped`);
  return 0;
}

async function testClient(clientDirectory: string, program: string, out: string): Promise<Outcome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-web-data-'));
  try {
    await using server = await startMorrow({
      dataDir,
      logFile: join(out, 'morrow.log'),
      roomVersion: values['room-version'],
    });
    await using client = await serveClient(clientDirectory, cinnyConfig(server.baseUrl));
    await using browser = await launchChromium(program);
    const arrive = (username: string): Promise<Guest> => open(browser, server.baseUrl, username);
    const [alice, bob, phone] = [await arrive('alice'), await arrive('bob'), await arrive('phone')];
    const people = [alice, bob, phone];
    const scene = {
      clientUrl: client.baseUrl,
      serverName: SERVER_NAME,
      alice,
      bob,
      phone,
      picture: await paint(),
    };
    const steps = [
      ...roomStory(scene),
      ...accountStory(scene),
      ...encryptionStory(scene),
      ...searchStory(scene),
      { name: 'The server had an answer to everything', run: () => checkAnswers(server.requests, people) },
    ];
    const outcome = await runSteps(steps, (number, name) => takePictures(people, out, number, name));
    await writeTraffic(people, out);
    return outcome;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface Guest extends Person {
  readonly traffic: Traffic;
}

async function open(browser: Browser, homeserverUrl: string, username: string): Promise<Guest> {
  const context = await browser.newContext({ viewport: VIEWPORT, locale: 'en-GB' });
  context.setDefaultTimeout(STEP_PATIENCE_MS);
  const traffic = recordTraffic(context, homeserverUrl);
  return { username, password: `${username} is not a lighthouse`, page: await context.newPage(), traffic };
}

/** Some picture that no client has by itself. */
async function paint(): Promise<Scene['picture']> {
  const widthPx = 320;
  const bytes = await sharp({ create: { width: widthPx, height: 180, channels: 3, background: '#d9662b' } })
    .composite([{ input: Buffer.from(SUN) }])
    .png()
    .toBuffer();
  return { bytes, widthPx };
}

/** No client may meet a fault of the server, or an endpoint that it does not have. */
async function checkAnswers(requests: readonly LoggedRequest[], people: readonly Guest[]): Promise<void> {
  const faults = requests.filter(({ status }) => status >= 500);
  const unknown = people.flatMap(({ traffic }) =>
    traffic.refusals.filter(({ errcode }) => errcode === 'M_UNRECOGNIZED'),
  );
  assert.deepEqual({ faults, unknown }, { faults: [], unknown: [] });
}

async function takePictures(
  people: readonly Person[],
  out: string,
  number: number,
  name: string,
): Promise<void> {
  const title = name.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  for (const { page, username } of people) {
    if (page.url() === 'about:blank') continue;
    await page.screenshot({ path: join(out, `${String(number).padStart(2, '0')}-${title}-${username}.png`) });
  }
}

async function writeTraffic(people: readonly Guest[], out: string): Promise<void> {
  for (const { username, traffic } of people) {
    await writeFile(join(out, `${username}.json`), `${JSON.stringify(traffic, null, 2)}\n`);
  }
}
