import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { readSourceFiles } from '../support/source-files.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const C = '/_matrix/client/v3';
const UNSTABLE = '/_matrix/client/unstable/org.matrix.msc4140';
const ENOUGH_BITS = 128;
const LETTER_BITS = Math.log2(52);
const BASE64_BITS = 6;

/** What whoever knows it may do something with, or learn something by, and how it is made. */
interface Case {
  readonly what: string;
  readonly make: (server: TestServer, user: TestUser) => Promise<string>;
  /** The random part of the id, and the bits that each character of it has. */
  readonly chance: RegExp;
  readonly bitsEach: number;
}

const BASE64 = { chance: /^([\w-]+)$/, bitsEach: BASE64_BITS };

const cases: readonly Case[] = [
  {
    what: 'the id of a room of an old version',
    make: (server, user) => makeRoom(server, user, { room_version: '11' }),
    chance: /^!(\w+):localhost$/,
    bitsEach: LETTER_BITS,
  },
  {
    what: 'the id of a room',
    make: (server, user) => makeRoom(server, user, {}),
    chance: /^!([\w-]+)$/,
    bitsEach: BASE64_BITS,
  },
  {
    what: 'the id of an event in a room of the first version',
    async make(server, user) {
      const room = encodeURIComponent(await makeRoom(server, user, { room_version: '1' }));
      const path = `${C}/rooms/${room}/send/m.room.message/t${count++}`;
      return textAt(
        await succeed(server, 'PUT', path, { token: user, body: { msgtype: 'm.text', body: 'x' } }),
        'event_id',
      );
    },
    chance: /^\$(\w+):localhost$/,
    bitsEach: LETTER_BITS,
  },
  {
    what: 'an access token',
    make: async (_server, user) => user.accessToken,
    ...BASE64,
  },
  {
    what: 'a session of interactive authentication',
    make: async (server) =>
      textAt((await request(server, 'POST', `${C}/register`, { body: {} })).body, 'session'),
    ...BASE64,
  },
  {
    what: 'the id of uploaded content',
    make: async (server, user) =>
      textAt(await succeed(server, 'POST', '/_matrix/media/v1/create', { token: user }), 'content_uri'),
    chance: /^mxc:\/\/localhost\/([\w-]+)$/,
    bitsEach: BASE64_BITS,
  },
  {
    what: 'a delay id',
    async make(server, user) {
      const path = `${C}/rooms/${encodeURIComponent(await makeRoom(server, user, {}))}/send/m.x/t`;
      const query = '?org.matrix.msc4140.delay=100000';
      return textAt(await succeed(server, 'PUT', path + query, { token: user, body: {} }), 'delay_id');
    },
    ...BASE64,
  },
  {
    what: 'the token of a future',
    async make(server, user) {
      const path = `${UNSTABLE}/rooms/${encodeURIComponent(await makeRoom(server, user, {}))}/send/future/t`;
      const body = { timeout: 100_000, send_on_timeout: { type: 'm.x', content: {} } };
      return textAt(await succeed(server, 'PUT', path, { token: user, body }), 'future_token');
    },
    ...BASE64,
  },
  {
    what: 'an OpenID token',
    async make(server, user) {
      const path = `${C}/user/${encodeURIComponent(user.userId)}/openid/request_token`;
      return textAt(await succeed(server, 'POST', path, { token: user, body: {} }), 'access_token');
    },
    ...BASE64,
  },
  {
    what: 'a nonce of shared-secret registration',
    make: async (server) => textAt(await succeed(server, 'GET', '/_synapse/admin/v1/register'), 'nonce'),
    ...BASE64,
  },
];

let count = 0;

async function makeRoom(server: TestServer, user: TestUser, body: JsonObject): Promise<string> {
  return textAt(await succeed(server, 'POST', `${C}/createRoom`, { token: user, body }), 'room_id');
}

describe('an id that must not be guessed', () => {
  let server: TestServer;
  before(async () => (server = await startTestServer()));
  after(() => server[Symbol.asyncDispose]());

  for (const { what, make, chance, bitsEach } of cases) {
    it(`such as ${what} has ${ENOUGH_BITS} random bits, and another has nothing in common with it`, async () => {
      const user = await registerUser(server, `user${count++}`);
      const other = await registerUser(server, `user${count++}`);
      const [one, two] = [await make(server, user), await make(server, other)];
      const parts = [one, two].map((id) => chance.exec(id)?.[1] ?? '');
      for (const part of parts) assert.ok(part.length * bitsEach >= ENOUGH_BITS, `${part} in ${one}`);
      // Of 22 characters or more that are chosen freely, eight at the beginning or at the end are the same by no chance.
      assert.notEqual(parts[0]?.slice(0, 8), parts[1]?.slice(0, 8));
      assert.notEqual(parts[0]?.slice(-8), parts[1]?.slice(-8));
    });
  }

  it('comes from the cryptographic generator: nothing in src/ asks another', () => {
    const guilty = readSourceFiles('src').filter(({ codeLines }) =>
      codeLines.some((line) => /\bMath\.random\b|\bpseudoRandomBytes\b/.test(line)),
    );
    assert.deepEqual(
      guilty.map(({ path }) => path),
      [],
    );
  });

  it('comes from that of this machine in the program, and never from a repeatable one', () => {
    const seeded = readSourceFiles('src').filter(
      ({ path, codeLines }) =>
        path !== 'util/random.ts' && codeLines.some((line) => /\bseededRandom\b/.test(line)),
    );
    assert.deepEqual(
      seeded.map(({ path }) => path),
      [],
    );
  });
});
