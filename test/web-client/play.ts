import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { takeViolations } from '../support/spec-check.ts';
import { launchChromium } from './chromium.ts';
import { serveClient } from './client-files.ts';
import { startMorrow, type LoggedRequest } from './morrow-process.ts';
import { runSteps, type Outcome, type Step } from './steps.ts';
import type { Person, Scene } from './stories/scene.ts';
import { recordTraffic, type Traffic } from './traffic.ts';

/** A web client and what people do with it. */
export interface Play {
  /** Holds the built client: its `index.html` and all that it needs. */
  readonly clientDirectory: string;
  /** What the client reads from `/config.json`. */
  readonly config: (homeserverUrl: string) => unknown;
  readonly story: (scene: Scene) => readonly Step[];
  /** Paths of drafts that the client tries and can do without. */
  readonly drafts: readonly RegExp[];
}

export interface Stage {
  /** The path of Chromium. */
  readonly program: string;
  /** A directory for screenshots, the server's log and what the browsers complained about. */
  readonly out: string;
  /** Of the rooms that the client makes. */
  readonly roomVersion: string;
  /** Is told how each step ended. */
  readonly report: (line: string) => void;
}

const STEP_PATIENCE_MS = 60_000;
const SERVER_NAME = 'localhost';
const VIEWPORT = { width: 1280, height: 800 };

/** Starts a homeserver, the client and browsers, lets people live the story, and ends all of them. */
export async function perform(play: Play, { program, out, roomVersion, report }: Stage): Promise<Outcome> {
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-web-data-'));
  try {
    await using server = await startMorrow({ dataDir, logFile: join(out, 'morrow.log'), roomVersion });
    await using client = await serveClient(play.clientDirectory, play.config(server.baseUrl));
    await using browser = await launchChromium(program);
    const arrive = (username: string): Promise<Guest> => open(browser, server.baseUrl, username);
    const [alice, bob, phone] = [await arrive('alice'), await arrive('bob'), await arrive('phone')];
    const people = [alice, bob, phone];
    const scene = {
      clientUrl: client.baseUrl,
      homeserverUrl: server.baseUrl,
      serverName: SERVER_NAME,
      alice,
      bob,
      phone,
      picture: await paint(),
    };
    const last = {
      name: 'The server had an answer to everything',
      run: () => checkAnswers(server.requests, people, play.drafts),
    };
    const picture = (number: number, name: string): Promise<void> => takePictures(people, out, number, name);
    const outcome = await runSteps([...play.story(scene), last], picture, report);
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

/** Some picture that no client has by itself. Drawn without reading one: of a server in this process sharp reads little. */
async function paint(): Promise<Scene['picture']> {
  const widthPx = 320;
  const sun = { width: 90, height: 90, channels: 3, background: '#ffe08a' } as const;
  const bytes = await sharp({ create: { width: widthPx, height: 180, channels: 3, background: '#d9662b' } })
    .composite([{ input: { create: sun }, left: 185, top: 45 }])
    .png()
    .toBuffer();
  return { bytes, widthPx };
}

/** No client may meet a fault of the server or what the specification forbids, or want an endpoint that it does not have. */
async function checkAnswers(
  requests: readonly LoggedRequest[],
  people: readonly Guest[],
  drafts: Play['drafts'],
): Promise<void> {
  const faults = requests.filter(({ status }) => status >= 500);
  const unknown = people
    .flatMap(({ traffic }) => traffic.refusals)
    .filter(({ errcode, path }) => errcode === 'M_UNRECOGNIZED' && !drafts.some((draft) => draft.test(path)));
  assert.deepEqual({ faults, unknown }, { faults: [], unknown: [] });
  assert.deepEqual(takeViolations(), []);
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
