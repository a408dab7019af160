import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const VERSIONS = '/_matrix/client/v3/room_keys/version';
const KEYS = '/_matrix/client/v3/room_keys/keys';
const ALGORITHM = 'm.megolm_backup.v1.curve25519-aes-sha2';
const ROOM = '!room:localhost';

interface Quality {
  readonly first?: number;
  readonly forwarded?: number;
  readonly verified?: boolean;
}

/** A key of some quality; `mark` tells it from others. */
function key(mark: string, { first = 1, forwarded = 0, verified = false }: Quality = {}): JsonObject {
  return {
    first_message_index: first,
    forwarded_count: forwarded,
    is_verified: verified,
    session_data: { ciphertext: mark, ephemeral: 'e', mac: 'm' },
  };
}

describe('key backup', () => {
  let server: TestServer;
  let users = 0;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const newUser = (): Promise<TestUser> => registerUser(server, `user${users++}`);
  const call = (user: TestUser, method: string, path: string, body?: unknown): Promise<JsonObject> =>
    succeed(server, method, path, { token: user, ...(body === undefined ? {} : { body }) });
  const refuse = async (
    user: TestUser,
    [method, path, body]: readonly [string, string, unknown?],
    [status, errcode]: readonly [number, string],
  ): Promise<JsonObject> => {
    const reply = await request(server, method, path, {
      token: user,
      ...(body === undefined ? {} : { body }),
    });
    assert.deepEqual([reply.status, reply.body['errcode']], [status, errcode], `${method} ${path}`);
    return reply.body;
  };
  const create = async (user: TestUser): Promise<string> =>
    textAt(
      await call(user, 'POST', VERSIONS, { algorithm: ALGORITHM, auth_data: { public_key: 'p' } }),
      'version',
    );
  const put = (user: TestUser, version: string, session: string, body: JsonObject): Promise<JsonObject> =>
    call(user, 'PUT', `${KEYS}/${ROOM}/${session}?version=${version}`, body);
  const get = (user: TestUser, version: string, session: string): Promise<JsonObject> =>
    call(user, 'GET', `${KEYS}/${ROOM}/${session}?version=${version}`);

  describe('versions', () => {
    it('are numbered, and the newest is the current one', async () => {
      const alice = await newUser();
      await refuse(alice, ['GET', VERSIONS], [404, 'M_NOT_FOUND']);
      assert.deepEqual([await create(alice), await create(alice)], ['1', '2']);
      const info = { algorithm: ALGORITHM, auth_data: { public_key: 'p' }, count: 0, etag: '0' };
      assert.deepEqual(await call(alice, 'GET', VERSIONS), { ...info, version: '2' });
      assert.deepEqual(await call(alice, 'GET', `${VERSIONS}/1`), { ...info, version: '1' });
    });

    it('stay to themselves: others neither see nor fill them', async () => {
      const [alice, bob] = [await newUser(), await newUser()];
      await create(alice);
      await refuse(bob, ['GET', `${VERSIONS}/1`], [404, 'M_NOT_FOUND']);
      await refuse(bob, ['PUT', `${KEYS}?version=1`, { rooms: {} }], [404, 'M_NOT_FOUND']);
      assert.equal((await request(server, 'GET', VERSIONS)).status, 401);
    });

    it('change only in what they say about their key', async () => {
      const alice = await newUser();
      await create(alice);
      const authData = { public_key: 'p', signatures: { [alice.userId]: { 'ed25519:D': 's' } } };
      await call(alice, 'PUT', `${VERSIONS}/1`, { algorithm: ALGORITHM, auth_data: authData, version: '1' });
      assert.deepEqual((await call(alice, 'GET', VERSIONS))['auth_data'], authData);
      const put1 = (body: JsonObject) => ['PUT', `${VERSIONS}/1`, body] as const;
      await refuse(alice, put1({ algorithm: 'other', auth_data: {} }), [400, 'M_INVALID_PARAM']);
      await refuse(alice, put1({ algorithm: ALGORITHM, auth_data: {}, version: '2' }), [
        400,
        'M_INVALID_PARAM',
      ]);
      await refuse(alice, put1({ algorithm: ALGORITHM }), [400, 'M_MISSING_PARAM']);
      const info = { algorithm: ALGORITHM, auth_data: {} };
      for (const version of ['2', '0', '-1', 'x', '1e1', '99999999999999999999']) {
        await refuse(alice, ['PUT', `${VERSIONS}/${version}`, info], [404, 'M_NOT_FOUND']);
        await refuse(alice, ['GET', `${VERSIONS}/${version}`], [404, 'M_NOT_FOUND']);
        await refuse(alice, ['DELETE', `${VERSIONS}/${version}`], [404, 'M_NOT_FOUND']);
      }
      await refuse(alice, ['POST', VERSIONS, { auth_data: {} }], [400, 'M_MISSING_PARAM']);
      await refuse(alice, ['POST', VERSIONS, { algorithm: ALGORITHM, auth_data: 7 }], [400, 'M_BAD_JSON']);
    });

    it('are deleted with their keys, twice without complaint, and their numbers are not used again', async () => {
      const alice = await newUser();
      await create(alice);
      await create(alice);
      await put(alice, '2', 'session', key('a'));
      assert.deepEqual(await call(alice, 'DELETE', `${VERSIONS}/2`), {});
      assert.deepEqual(await call(alice, 'DELETE', `${VERSIONS}/2`), {});
      await refuse(alice, ['GET', `${VERSIONS}/2`], [404, 'M_NOT_FOUND']);
      await refuse(alice, ['GET', `${KEYS}?version=2`], [404, 'M_NOT_FOUND']);
      await refuse(alice, ['PUT', `${KEYS}?version=2`, { rooms: {} }], [404, 'M_NOT_FOUND']);
      await refuse(alice, ['DELETE', `${KEYS}?version=2`], [404, 'M_NOT_FOUND']);
      assert.equal((await call(alice, 'GET', VERSIONS))['version'], '1', 'the one before is current again');
      assert.equal(await create(alice), '3');
    });

    it('have different numbers when begun at the same time', async () => {
      const alice = await newUser();
      const versions = await Promise.all(Array.from({ length: 8 }, () => create(alice)));
      assert.deepEqual(versions.sort(), ['1', '2', '3', '4', '5', '6', '7', '8']);
    });
  });

  describe('keys', () => {
    it('are stored and fetched one by one, by room, and all together', async () => {
      const alice = await newUser();
      await create(alice);
      assert.deepEqual(await call(alice, 'GET', `${KEYS}?version=1`), { rooms: {} });
      assert.deepEqual(await call(alice, 'GET', `${KEYS}/${ROOM}?version=1`), { sessions: {} });
      assert.deepEqual(await put(alice, '1', 'one', key('a')), { count: 1, etag: '1' });
      const byRoom = { sessions: { two: key('b'), three: key('c') } };
      assert.deepEqual(await call(alice, 'PUT', `${KEYS}/${ROOM}?version=1`, byRoom), {
        count: 3,
        etag: '2',
      });
      const rooms = {
        [ROOM]: { sessions: { four: key('d') } },
        '!other:localhost': { sessions: { one: key('e') } },
      };
      assert.deepEqual(await call(alice, 'PUT', `${KEYS}?version=1`, { rooms }), { count: 5, etag: '3' });
      const ofRoom = { one: key('a'), two: key('b'), three: key('c'), four: key('d') };
      assert.deepEqual(await get(alice, '1', 'one'), key('a'));
      assert.deepEqual(await call(alice, 'GET', `${KEYS}/${ROOM}?version=1`), { sessions: ofRoom });
      assert.deepEqual(await call(alice, 'GET', `${KEYS}?version=1`), {
        rooms: { [ROOM]: { sessions: ofRoom }, '!other:localhost': { sessions: { one: key('e') } } },
      });
      const { count, etag } = await call(alice, 'GET', VERSIONS);
      assert.deepEqual([count, etag], [5, '3']);
    });

    it('are deleted one by one, by room, and all together', async () => {
      const alice = await newUser();
      await create(alice);
      const sessions = { one: key('a'), two: key('b') };
      const rooms = {
        [ROOM]: { sessions },
        '!other:localhost': { sessions },
        '!third:localhost': { sessions },
      };
      await call(alice, 'PUT', `${KEYS}?version=1`, { rooms });
      const drop = (path: string): Promise<JsonObject> => call(alice, 'DELETE', `${KEYS}${path}?version=1`);
      assert.deepEqual(await drop(`/${ROOM}/one`), { count: 5, etag: '2' });
      assert.deepEqual(await drop(`/${ROOM}/one`), { count: 5, etag: '2' }, 'nothing changed');
      await refuse(alice, ['GET', `${KEYS}/${ROOM}/one?version=1`], [404, 'M_NOT_FOUND']);
      assert.deepEqual(await drop('/!other:localhost'), { count: 3, etag: '3' });
      assert.deepEqual(await drop(''), { count: 0, etag: '4' });
      assert.deepEqual(await call(alice, 'GET', `${KEYS}?version=1`), { rooms: {} });
    });

    const better: readonly (readonly [string, Quality, Quality])[] = [
      ['verified', { verified: false, first: 0 }, { verified: true, first: 9, forwarded: 9 }],
      ['from an earlier message on', { first: 2, forwarded: 0 }, { first: 1, forwarded: 9 }],
      ['forwarded less often', { first: 1, forwarded: 2 }, { first: 1, forwarded: 1 }],
    ];
    for (const [reason, worse, good] of better) {
      it(`give way to one that is ${reason}, and never the other way round`, async () => {
        const alice = await newUser();
        await create(alice);
        await put(alice, '1', 'session', key('worse', worse));
        assert.deepEqual(await put(alice, '1', 'session', key('better', good)), { count: 1, etag: '2' });
        assert.deepEqual(await put(alice, '1', 'session', key('worse', worse)), { count: 1, etag: '2' });
        assert.deepEqual(await get(alice, '1', 'session'), key('better', good));
      });
    }

    it('stay when another one is just as good', async () => {
      const alice = await newUser();
      await create(alice);
      await put(alice, '1', 'session', key('first'));
      assert.deepEqual(await put(alice, '1', 'session', key('second')), { count: 1, etag: '1' });
      assert.deepEqual(await get(alice, '1', 'session'), key('first'));
    });

    it('go into the current version only; an old one can still be read and emptied', async () => {
      const alice = await newUser();
      await create(alice);
      await put(alice, '1', 'session', key('old'));
      await create(alice);
      for (const [path, body] of [
        ['', { rooms: {} }],
        [`/${ROOM}`, { sessions: {} }],
        [`/${ROOM}/session`, key('new')],
      ] as const) {
        const refused = await refuse(
          alice,
          ['PUT', `${KEYS}${path}?version=1`, body],
          [403, 'M_WRONG_ROOM_KEYS_VERSION'],
        );
        assert.equal(refused['current_version'], '2');
        await refuse(alice, ['PUT', `${KEYS}${path}?version=9`, body], [404, 'M_NOT_FOUND']);
      }
      assert.deepEqual(await get(alice, '1', 'session'), key('old'));
      assert.deepEqual(await call(alice, 'DELETE', `${KEYS}?version=1`), { count: 0, etag: '2' });
    });

    it('are refused in another form, and without a version', async () => {
      const alice = await newUser();
      await create(alice);
      await refuse(alice, ['GET', KEYS], [400, 'M_MISSING_PARAM']);
      await refuse(alice, ['PUT', KEYS, { rooms: {} }], [400, 'M_MISSING_PARAM']);
      const path = `${KEYS}/${ROOM}/session?version=1`;
      const { session_data: _data, ...incomplete } = key('a');
      await refuse(alice, ['PUT', path, incomplete], [400, 'M_MISSING_PARAM']);
      await refuse(alice, ['PUT', path, { ...key('a'), first_message_index: 1.5 }], [400, 'M_BAD_JSON']);
      await refuse(alice, ['PUT', path, { ...key('a'), is_verified: 'yes' }], [400, 'M_BAD_JSON']);
      await refuse(alice, ['PUT', `${KEYS}/room/s?version=1`, key('a')], [400, 'M_INVALID_PARAM']);
      const rooms = { room: { sessions: { s: key('a') } } };
      await refuse(alice, ['PUT', `${KEYS}?version=1`, { rooms }], [400, 'M_INVALID_PARAM']);
      assert.deepEqual(await call(alice, 'GET', `${KEYS}?version=1`), { rooms: {} });
    });

    it('are counted right when many are stored and deleted at the same time', async () => {
      const alice = await newUser();
      await create(alice);
      const sessions = Array.from({ length: 40 }, (_, index) => `s${index % 20}`);
      await Promise.all(sessions.map((session) => put(alice, '1', session, key(session))));
      await Promise.all(
        sessions.slice(0, 5).map((session) => call(alice, 'DELETE', `${KEYS}/${ROOM}/${session}?version=1`)),
      );
      const { count } = await call(alice, 'GET', VERSIONS);
      const kept = (await call(alice, 'GET', `${KEYS}/${ROOM}?version=1`))['sessions'];
      assert.deepEqual([count, Object.keys(kept ?? {}).length], [15, 15]);
    });
  });
});
