import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import { startTestServer, succeed, textAt, type TestServer, type TestUser } from '../support/server.ts';
import { until } from '../support/until.ts';
import {
  act,
  getState,
  makeGuest,
  makeRoom,
  makeTwo,
  memberEventOf,
  membershipOf,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
} from './rooms-client.ts';

const ACCESS = 'm.room.guest_access';
const CAN_JOIN = { guest_access: 'can_join' };
const FORBIDDEN = { guest_access: 'forbidden' };
const DELAY = 'org.matrix.msc4140.delay';

describe('guests in a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const open = (): Promise<string> =>
    makeRoom(server, alice, { initial_state: [{ type: ACCESS, content: CAN_JOIN }] });
  const enter = async (roomId: string): Promise<TestUser> => {
    const guest = await makeGuest(server);
    assert.equal((await act(server, guest, roomId, 'join')).status, 200);
    return guest;
  };
  const setAccess = async (roomId: string, content: JsonObject): Promise<void> => {
    assert.equal((await putState(server, alice, roomId, ACCESS, content)).status, 200);
    await server.services.guestLeaves.idle();
  };
  const memberships = async (roomId: string, ...users: readonly TestUser[]): Promise<unknown[]> => {
    await server.services.guestLeaves.idle();
    return Promise.all(users.map((user) => membershipOf(server, alice, roomId, user)));
  };

  it('leave in their own name when it lets none in any more, and others stay', async () => {
    const roomId = await open();
    const guests = [await enter(roomId), await enter(roomId)];
    await act(server, bob, roomId, 'join');
    await setAccess(roomId, { ...CAN_JOIN, 'org.example.note': 'as before' });
    assert.deepEqual(await memberships(roomId, ...guests), ['join', 'join']);
    await setAccess(roomId, FORBIDDEN);
    assert.deepEqual(await memberships(roomId, ...guests, alice, bob), ['leave', 'leave', 'join', 'join']);
    const [guest] = guests;
    assert.ok(guest);
    const leave = await memberEventOf(server, alice, roomId, guest);
    assert.deepEqual([leave['sender'], leave['content']], [guest.userId, { membership: 'leave' }]);
    const join = await act(server, guest, roomId, 'join');
    assert.deepEqual(refusalOf(join), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
  });

  it('leave when the rule is anything but can_join, or is redacted', async () => {
    for (const content of [{}, { guest_access: 1 }, { guest_access: 'org.example.maybe' }]) {
      const roomId = await open();
      const guest = await enter(roomId);
      await setAccess(roomId, content);
      assert.deepEqual(await memberships(roomId, guest), ['leave'], JSON.stringify(content));
    }
    const roomId = await open();
    const guest = await enter(roomId);
    const rule = await succeed(server, 'GET', `${pathOf(roomId, 'state', ACCESS, '')}?format=event`, {
      token: alice,
    });
    const redact = pathOf(roomId, 'redact', textAt(rule, 'event_id'), 'txn');
    await succeed(server, 'PUT', redact, { token: alice, body: {} });
    assert.deepEqual(await getState(server, alice, roomId, ACCESS), {});
    assert.deepEqual(await memberships(roomId, guest), ['leave']);
  });

  it('leave when a delayed event changes the rule', async () => {
    const roomId = await open();
    const guest = await enter(roomId);
    const path = `${pathOf(roomId, 'state', ACCESS, '')}?${DELAY}=5000`;
    await succeed(server, 'PUT', path, { token: alice, body: FORBIDDEN });
    assert.deepEqual(await memberships(roomId, guest), ['join']);
    server.clock.advance(5_000);
    await until('the rule to change', async () => {
      return (await getState(server, alice, roomId, ACCESS))['guest_access'] === 'forbidden';
    });
    assert.deepEqual(await memberships(roomId, guest), ['leave']);
  });

  it('cannot come back by a delayed event', async () => {
    const roomId = await open();
    const guest = await enter(roomId);
    const path = `${pathOf(roomId, 'state', 'm.room.member', guest.userId)}?${DELAY}=5000`;
    const back = { membership: 'join', displayname: 'back' };
    await succeed(server, 'PUT', path, { token: guest, body: back });
    await setAccess(roomId, FORBIDDEN);
    server.clock.advance(5_000);
    const list = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events';
    await until('the delayed event to be sent', async () => {
      return objectsAt(await succeed(server, 'GET', list, { token: guest }), 'delayed_events').length === 0;
    });
    assert.deepEqual(await memberships(roomId, guest), ['leave']);
    const { chunk } = await succeed(server, 'GET', pathOf(roomId, 'messages'), { token: alice });
    assert.match(JSON.stringify(chunk), /"displayname":"back"/);
  });

  it('do not stay behind when they come as the rule changes', async () => {
    const roomId = await open();
    for (let round = 0; round < 10; round += 1) {
      await setAccess(roomId, CAN_JOIN);
      const guest = await makeGuest(server);
      const [joined] = await Promise.all([
        act(server, guest, roomId, 'join'),
        putState(server, alice, roomId, ACCESS, FORBIDDEN),
      ]);
      if (joined.status === 200) assert.deepEqual(await memberships(roomId, guest), ['leave']);
      else assert.deepEqual(refusalOf(joined), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
    }
  });

  it('are found at the next start where the server ended before it made them leave', async () => {
    const roomId = await open();
    const guest = await enter(roomId);
    await server.services.guestLeaves[Symbol.asyncDispose]();
    assert.equal((await putState(server, alice, roomId, ACCESS, FORBIDDEN)).status, 200);
    assert.deepEqual(await memberships(roomId, guest), ['join']);
    await using second = await startTestServer({ database: server.database, clock: server.clock });
    await second.services.guestLeaves.idle();
    assert.equal(await membershipOf(second, alice, roomId, guest), 'leave');
  });
});
