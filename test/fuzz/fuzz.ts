import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allEndpoints } from '../../src/server/endpoints.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerUser, succeed, textAt } from '../support/server.ts';
import { Chance } from './chance.ts';
import { makeFuzzRequest, type FuzzRequest } from './fuzz-request.ts';
import { findFault } from './judge.ts';
import { registrationFile, startOutside } from './outside.ts';
import { makeScene, type Scene } from './scene.ts';
import { startWatchedServer, type WatchedServer } from './watched-server.ts';
import type { MemoryInUse } from './tell-memory.ts';
import { Wire, type Outcome } from './wire.ts';

export interface FuzzOptions {
  /** Decides every request together with its number. */
  readonly seed: string;
  /** How many requests are made. */
  readonly requests: number;
  /** Only this one, in the scene that it was made for. */
  readonly only?: number | undefined;
  /** Told of each round that ends. */
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  readonly sent: number;
  /** What must not have happened, with the request that it happened to. */
  readonly faults: readonly string[];
  /** How often each endpoint answered how: a status and perhaps an errcode, or `-` for a long poll that was left. */
  readonly answersOf: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Memory in use after each quarter. */
  readonly memory: readonly MemoryInUse[];
}

/** Destructive requests wear a scene out: after so many there is a new one. */
const ROUND = 1000;
/** As many requests are under way. */
const WIRES = 8;
/** Longer than a download waits for what is still to be uploaded. */
const PATIENCE_MS = 30_000;
/** Long polls are left early, which is a test as well. */
const POLL_PATIENCE_MS = 300;
const MOST_FAULTS = 200;

/** A fuzz test of a server that is started for it, with everything that this server serves. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const dataDir = await mkdtemp(join(tmpdir(), 'morrow-fuzz-'));
  await using database = await createTestDatabase({ connections: 1 });
  await using outside = await startOutside(options.seed);
  const appserviceDir = join(dataDir, 'appservices');
  const asToken = 'the-application-service';
  await mkdir(appserviceDir);
  await writeFile(join(appserviceDir, 'irc.yaml'), registrationFile(outside.url, asToken));
  try {
    await using server = await startWatchedServer({ databaseUrl: database.url, dataDir, appserviceDir });
    const report = await fuzzServer(server, options, { asToken, pusherUrl: outside.pusherUrl });
    report.faults.push(...(await findLasting(server)));
    report.faults.push(...server.remarks.map((remark) => `(at the end) the server says: ${remark}`));
    return report;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface OpenReport extends FuzzReport {
  sent: number;
  readonly faults: string[];
  readonly answersOf: Map<string, Map<string, number>>;
  readonly memory: MemoryInUse[];
}

async function fuzzServer(
  server: WatchedServer,
  options: FuzzOptions,
  sceneWishes: { readonly asToken: string; readonly pusherUrl: string },
): Promise<OpenReport> {
  const { requests, only } = options;
  const report: OpenReport = { sent: 0, faults: [], answersOf: new Map(), memory: [] };
  const first = only === undefined ? 0 : Math.floor(only / ROUND) * ROUND;
  for (let start = first; start < (only ?? requests - 1) + 1; start += ROUND) {
    const name = String(start / ROUND);
    const scene = await makeScene({ baseUrl: server.baseUrl, name, ...sceneWishes });
    const end = Math.min(start + ROUND, requests);
    const indexes = only === undefined ? range(start, end) : [only];
    await runRound(server, options.seed, scene, indexes, report);
    if (server.ended() !== undefined) break;
    if (Math.floor((end * 4) / requests) > report.memory.length && only === undefined)
      report.memory.push(await server.memory());
    options.onProgress?.(report);
    if (report.faults.length >= MOST_FAULTS) break;
  }
  return report;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, nth) => start + nth);
}

async function runRound(
  server: WatchedServer,
  seed: string,
  scene: Scene,
  indexes: number[],
  report: OpenReport,
): Promise<void> {
  const queue = [...indexes];
  const work = async (): Promise<void> => {
    using wire = new Wire(server.port);
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const request = makeFuzzRequest(new Chance(`${seed}/${index}`), scene, allEndpoints);
      const patienceMs = request.mayWait ? POLL_PATIENCE_MS : PATIENCE_MS;
      const outcome = await wire
        .send(request.bytes, request.method, { patienceMs, keep: request.isSound })
        .catch((error: unknown): Outcome => ({
          kind: 'closed',
          received: `cannot connect: ${String(error)}`,
        }));
      note(report, request, outcome);
      const fault = findFault(request, outcome);
      if (fault !== undefined) report.faults.push(`${index}: ${request.name}: ${fault}\n${show(request)}`);
      for (const remark of server.remarks.splice(0))
        report.faults.push(`${index}: (about then) the server says: ${remark}`);
      if (server.ended() !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: WIRES }, work));
}

function note(report: OpenReport, request: FuzzRequest, outcome: Outcome): void {
  report.sent++;
  const counts = report.answersOf.get(request.name) ?? new Map<string, number>();
  report.answersOf.set(request.name, counts);
  const answer = describeOutcome(outcome);
  counts.set(answer, (counts.get(answer) ?? 0) + 1);
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'answered') return '-';
  const errcode = /"errcode":"([^"]*)"/.exec(outcome.body.toString('latin1', 0, MOST_ERRCODE_PLACE))?.[1];
  return errcode === undefined ? String(outcome.status) : `${outcome.status} ${errcode}`;
}

/** Refusals are short. */
const MOST_ERRCODE_PLACE = 1000;

const SHOWN_BYTES = 1500;

function show({ bytes }: FuzzRequest): string {
  const text = bytes.toString('latin1').slice(0, SHOWN_BYTES);
  return text.replace(/[^\x20-\x7e\n]/g, (character) =>
    character === '\r' ? '' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** After all that the server must do what servers are for: what one user sends another one sees. */
async function findLasting(server: WatchedServer): Promise<readonly string[]> {
  if (server.ended() !== undefined) return [`the server ended: ${server.ended()}`];
  try {
    const C = '/_matrix/client/v3';
    const [sender, reader] = [
      await registerUser(server, 'last-sender'),
      await registerUser(server, 'last-reader'),
    ];
    const body = { preset: 'public_chat' };
    const room = encodeURIComponent(
      textAt(await succeed(server, 'POST', `${C}/createRoom`, { token: sender, body }), 'room_id'),
    );
    await succeed(server, 'POST', `${C}/join/${room}`, { token: reader, body: {} });
    await succeed(server, 'PUT', `${C}/rooms/${room}/send/m.room.message/t`, {
      token: sender,
      body: { msgtype: 'm.text', body: 'still here' },
    });
    const seen = JSON.stringify(await succeed(server, 'GET', `${C}/sync`, { token: reader }));
    return seen.includes('still here') ? [] : ['a message that was sent afterwards was not seen'];
  } catch (error) {
    return [`the server did not work afterwards: ${String(error)}`];
  }
}
