import assert from 'node:assert/strict';
import { allEndpoints } from '../../src/server/endpoints.ts';
import { listParamNames } from '../../src/http/path-params.ts';
import { isJsonObject } from '../../src/util/json.ts';
import { Chance } from '../fuzz/chance.ts';
import type { Draft } from '../fuzz/draft.ts';
import { plausibleBody } from '../fuzz/plausible-bodies.ts';
import { plausibleParams, plausibleQuery } from '../fuzz/plausible-paths.ts';
import { makeScene, type Scene, type SceneRoom } from '../fuzz/scene.ts';
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
const TIMEOUT_MS = 120_000;
const TRIES = 4;

/** Where the specification wants an answer that tells who knows a room's id that there is one: 200 for every room, else 404. */
const TELLS: ReadonlySet<string> = new Set(['getRoomVisibilityOnDirectory']);

/** Endpoints that are about a room, an event in one, or what is called like one. */
const aboutRooms = allEndpoints.filter(
  ({ name, path, auth }) =>
    !TELLS.has(name) &&
    auth !== 'admin' &&
    listParamNames(path).some((name) => /^(room|event)/.test(name) && name !== 'eventType'),
);

type Who = 'somebody who is not in the room' | 'a guest' | 'nobody in particular';

describe('who is not in a private room', () => {
  let server: TestServer;
  let scene: Scene;
  before(async function () {
    this.timeout(TIMEOUT_MS);
    server = await startTestServer();
    scene = await makeScene({
      baseUrl: server.baseUrl,
      asToken: 'none',
      pusherUrl: 'https://push.example/_matrix/push/v1/notify',
      name: 'x',
    });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const who of ['somebody who is not in the room', 'a guest', 'nobody in particular'] as const) {
    for (const { name, method, path } of aboutRooms) {
      it(`gets the answer of ${name} that is given for no room at all, as ${who}`, async () => {
        for (let nth = 0; nth < TRIES; nth++) {
          const seed = `${name} ${nth}`;
          const real = await ask({ name, method, path, who, seed }, privateRoom());
          const none = await ask({ name, method, path, who, seed }, noRoom());
          assert.deepEqual(real, none);
        }
      });
    }
  }

  function privateRoom(): SceneRoom {
    const [room] = scene.rooms;
    assert.ok(room !== undefined);
    return { ...room, alias: undefined };
  }

  /** As long and as many things in it as the private room, and none of it is there. */
  function noRoom(): SceneRoom {
    const room = privateRoom();
    return { roomId: elsewhere(room.roomId), alias: undefined, eventIds: room.eventIds.map(elsewhere) };
  }

  async function ask(
    question: { name: string; method: string; path: string; who: Who; seed: string },
    room: SceneRoom,
  ): Promise<unknown> {
    const { name, method, path, who } = question;
    const user = userFor(who);
    const chance = new Chance(question.seed);
    const start = { name, scene, chance, user: user ?? scene.stranger, room };
    const draft: Draft = { ...start, params: plausibleParams(listParamNames(path), start) };
    const query = new URLSearchParams(plausibleQuery(name, draft)).toString();
    const filled = path.replace(/\{(\w+)\}/g, (_whole, key: string) =>
      encodeURIComponent(draft.params[key] ?? ''),
    );
    const reply = await request(server, method, `${filled}${query === '' ? '' : `?${query}`}`, {
      token: user,
      ...(method === 'GET' || method === 'DELETE' ? {} : { body: plausibleBody(name, draft) }),
    });
    return withoutNames({ status: reply.status, body: reply.json }, room);
  }

  function userFor(who: Who): TestUser | undefined {
    if (who === 'nobody in particular') return undefined;
    return who === 'a guest' ? scene.guest : scene.stranger;
  }
});

describe('a private room', () => {
  let server: TestServer;
  let members: readonly TestUser[];
  let stranger: TestUser;
  let room: string;
  before(async () => {
    server = await startTestServer();
    members = [await registerUser(server, 'alice'), await registerUser(server, 'bob')];
    stranger = await registerUser(server, 'mallory');
    const body = { invite: members.slice(1).map(({ userId }) => userId) };
    const made = await succeed(server, 'POST', `${C}/createRoom`, { token: members[0], body });
    room = textAt(made, 'room_id');
    await succeed(server, 'POST', `${C}/rooms/${encodeURIComponent(room)}/join`, {
      token: members[1],
      body: {},
    });
  });
  after(() => server[Symbol.asyncDispose]());

  /** What a request in this room is refused with, and the same request where there is none. */
  async function refusals(user: TestUser, method: string, path: string, body: object): Promise<unknown[]> {
    const answers = [room, elsewhere(room)].map(async (roomId) => {
      const at = `${C}/rooms/${encodeURIComponent(roomId)}/${path}`;
      const reply = await request(server, method, at, { token: user, body });
      return [reply.status, reply.body['errcode'], reply.body['error']];
    });
    return Promise.all(answers);
  }

  it('tells no stranger who is in it, by what they may not do to them', async () => {
    for (const action of ['kick', 'ban', 'unban', 'invite'])
      for (const { userId } of [...members, stranger]) {
        const [real, none] = await refusals(stranger, 'POST', action, { user_id: userId });
        assert.deepEqual(real, none, action);
        assert.deepEqual((real as unknown[]).slice(0, 2), [403, 'M_FORBIDDEN']);
      }
  });

  it('tells no stranger its version, by what nobody may set in it', async () => {
    const body = { users: { [members[0]?.userId ?? '']: 100 } };
    const [real, none] = await refusals(stranger, 'PUT', 'state/m.room.power_levels', body);
    assert.deepEqual(real, none);
  });

  it('tells its members why they are refused', async () => {
    const [, bob] = members;
    assert.ok(bob !== undefined);
    const [real] = await refusals(bob, 'POST', 'kick', { user_id: members[0]?.userId });
    assert.match(String((real as unknown[])[2]), /power level/);
  });
});

/** The same id with other characters at its end. */
function elsewhere(id: string): string {
  return id.replace(/.{6}$/, 'AAAAAA');
}

/** An answer with the ids that were asked for made alike, and without what is new in every answer. */
function withoutNames(answer: unknown, room: SceneRoom): unknown {
  const text = JSON.stringify(answer)
    .replaceAll(room.roomId, 'ROOM')
    .replace(new RegExp(room.eventIds.map((id) => id.replace(/\$/g, '\\$')).join('|'), 'g'), 'EVENT');
  const value: unknown = JSON.parse(text);
  assert.ok(isJsonObject(value));
  return value;
}
