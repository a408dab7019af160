import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Chance } from './chance.ts';
import { fuzz, type FuzzReport } from './fuzz.ts';
import { makeFuzzRequest, type FuzzRequest, type Target } from './fuzz-request.ts';
import { findFault } from './judge.ts';
import type { Scene } from './scene.ts';
import { Wire, type Outcome } from './wire.ts';
import { listenOnLoopback } from '../support/loopback.ts';
import { allEndpoints } from '../../src/server/endpoints.ts';

/** The long form is `npm run fuzz`. */
const REQUESTS = 2_000;
const SEED = process.env['MORROW_FUZZ_SEED'] ?? 'tomorrow';
const TIMEOUT_MS = 240_000;

describe(`${REQUESTS} odd requests (seed ${SEED})`, () => {
  let report: FuzzReport;
  before(async function () {
    this.timeout(TIMEOUT_MS);
    report = await fuzz({ seed: SEED, requests: REQUESTS });
  });

  it('are answered as the specification has it, and leave the server at work', () => {
    assert.deepEqual(report.faults, []);
    assert.equal(report.sent, REQUESTS);
  });

  it('reach every endpoint, and a third of them succeed', () => {
    const names = new Set(allEndpoints.map(({ name }) => name));
    assert.deepEqual(new Set(report.answersOf.keys()), names);
    const counts = [...report.answersOf.values()].flatMap((answers) => [...answers]);
    const good = counts.reduce((sum, [answer, count]) => sum + (answer.startsWith('2') ? count : 0), 0);
    assert.ok(good > REQUESTS / 3, `${good} of ${REQUESTS} answers are 2xx`);
  });
});

describe('a request of the fuzz test', () => {
  const user = { userId: '@a:localhost', accessToken: 'token', deviceId: 'D', localpart: 'a', password: 'p' };
  const room = { roomId: '!r:localhost', alias: '#r:localhost', eventIds: ['$e'] };
  const scene: Scene = {
    baseUrl: 'http://127.0.0.1:1',
    members: [user],
    stranger: user,
    guest: user,
    admin: user,
    victims: [user],
    refreshTokens: ['refresh'],
    asToken: 'as',
    rooms: [room, room, room, room, room],
    media: ['m'],
    pendingMedia: ['p'],
    delayIds: ['d'],
    futureTokens: ['f'],
    loginTokens: ['l'],
    openIdTokens: ['o'],
    registrationTokens: ['r'],
    nonces: ['n'],
    filterIds: ['1'],
    backupVersions: ['1'],
    streamTokens: ['s1'],
    pusherUrl: 'http://127.0.0.1:1/_matrix/push/v1/notify',
  };
  const make = (seed: string, targets: readonly Target[] = allEndpoints): FuzzRequest =>
    makeFuzzRequest(new Chance(seed), scene, targets);

  it('is the same for the same seed, and another for another', () => {
    const texts = (seed: string): string[] =>
      Array.from({ length: 500 }, (_, index) => make(`${seed}/${index}`).bytes.toString('latin1'));
    assert.deepEqual(texts('a'), texts('a'));
    const others = texts('b');
    const same = texts('a').filter((text, index) => text === others[index]);
    assert.ok(same.length < 25, `${same.length} of 500 are the same`);
  });

  it('can be made for an endpoint that nothing is known of', () => {
    const target = {
      name: 'doTomorrow',
      method: 'POST',
      path: '/_matrix/client/v3/tomorrow/{roomId}/{newThing}',
      alsoAt: [],
      auth: 'user',
      readsBody: true,
      takesBytes: false,
    } as const;
    const sound = Array.from({ length: 100 }, (_, index) => make(String(index), [target])).filter(
      ({ bytes }) =>
        /^POST \/_matrix\/client\/v3\/tomorrow\/!r%3Alocalhost\/x[? ]/.test(bytes.toString('latin1')),
    );
    assert.ok(sound.length > 50, `${sound.length} of 100`);
  });
});

describe('what the fuzz test holds an answer to', () => {
  const sound = { name: 'ban', method: 'POST', bytes: Buffer.from(''), isSound: true, mayWait: false };
  const answer = (status: number, body: unknown, more: object = {}): Outcome => ({
    kind: 'answered',
    status,
    headers: new Map(),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    isClosing: false,
    ...more,
  });
  const refusal = { errcode: 'M_FORBIDDEN', error: 'No.' };
  const faultIn = (outcome: Outcome, more: Partial<FuzzRequest> = {}): string =>
    findFault({ ...sound, ...more }, outcome) ?? 'none';

  it('is a refusal with errcode and sentence, or a success, on a connection that goes on', () => {
    assert.equal(faultIn(answer(403, refusal)), 'none');
    assert.equal(faultIn(answer(401, { flows: [], session: 's' })), 'none');
    assert.equal(faultIn(answer(200, '')), 'none');
    assert.match(faultIn(answer(403, '')), /no JSON/);
    assert.match(faultIn(answer(403, { error: 'No.' })), /no errcode/);
    assert.match(faultIn(answer(403, { errcode: 'M_FORBIDDEN', error: ' ' })), /no sentence/);
    assert.match(faultIn(answer(401, { flows: [] })), /no errcode/);
    assert.match(faultIn(answer(403, refusal, { isClosing: true })), /closed/);
    assert.match(faultIn(answer(200, {}, { isClosing: true })), /closed/);
    assert.equal(faultIn(answer(413, refusal, { isClosing: true })), 'none');
    assert.equal(faultIn(answer(403, refusal, { isClosing: true }), { isSound: false }), 'none');
  });

  it('is no status above 500, but what the specification has for what others fail at', () => {
    for (const status of [500, 501, 503]) assert.match(faultIn(answer(status, refusal)), /status 50/);
    const notYet = answer(504, { errcode: 'M_NOT_YET_UPLOADED', error: 'Not yet.' });
    assert.equal(faultIn(notYet, { name: 'getContent' }), 'none');
    assert.match(faultIn(notYet), /status 504/);
    // An answer to HEAD has no body to look at.
    assert.match(faultIn(answer(500, ''), { name: 'getContent', method: 'HEAD' }), /status 500/);
    assert.match(faultIn(answer(504, ''), { method: 'HEAD' }), /status 504/);
    assert.equal(faultIn(answer(504, ''), { name: 'getContent', method: 'HEAD' }), 'none');
  });

  it('is an answer at all, unless the request may wait or is none', () => {
    assert.match(faultIn({ kind: 'waiting' }), /no answer/);
    assert.equal(faultIn({ kind: 'waiting' }, { mayWait: true }), 'none');
    assert.match(faultIn({ kind: 'closed', received: '' }), /closed without/);
    assert.equal(faultIn({ kind: 'closed', received: '' }, { isSound: false }), 'none');
  });
});

describe('the wire of the fuzz test', () => {
  for (const [what, text, body] of [
    ['announced', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', '{}'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n', '{}'],
    [
      'after an interim answer',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
      '{}',
    ],
  ] as const) {
    it(`reads an answer that is ${what}`, async () => {
      await using peer = await startPeer(text);
      using wire = new Wire(peer.port);
      const outcome = await wire.send(Buffer.from('x'), 'GET', { patienceMs: 5000, keep: true });
      assert.ok(outcome.kind === 'answered');
      assert.deepEqual([outcome.status, outcome.body.toString(), outcome.isClosing], [200, body, false]);
    });
  }

  it('tells an answer that is cut off from one that does not come', async () => {
    await using cutting = await startPeer('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}', true);
    using cut = new Wire(cutting.port);
    assert.equal((await cut.send(Buffer.from('x'), 'GET', { patienceMs: 5000, keep: true })).kind, 'closed');
    await using silent = await startPeer('');
    using waiting = new Wire(silent.port);
    assert.equal(
      (await waiting.send(Buffer.from('x'), 'GET', { patienceMs: 20, keep: true })).kind,
      'waiting',
    );
  });
});

/** Says its text to whoever says anything. */
async function startPeer(text: string, ends = false): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => (ends ? socket.end(text) : socket.write(text)));
  });
  const port = await listenOnLoopback(server);
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
