import assert from 'node:assert/strict';
import { parseRoomId, parseUserId, type RoomId } from '../../src/matrix/identifiers.ts';
import { spreadProfile } from '../../src/rooms/spread-profile.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { startTestServer, succeed, type TestServer, type TestUser } from '../support/server.ts';
import {
  act,
  getState,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  membershipOf,
  putState,
} from '../client-api/rooms-client.ts';

describe('spreading a profile', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice, bob] = await makeTwo(server);
  });

  const actorOf = async (user: TestUser) => {
    const userId = parseUserId(user.userId);
    const userNid = userId === undefined ? undefined : await findUserNid(server.services.db, userId);
    assert.ok(userId !== undefined && userNid !== undefined);
    return { userId, userNid };
  };
  const nameIn = async (roomId: string, user: TestUser, viewer = user): Promise<unknown> =>
    (await getState(server, viewer, roomId, 'm.room.member', user.userId))['displayname'];
  const rename = (user: TestUser, displayname: string): Promise<unknown> => {
    const path = `/_matrix/client/v3/profile/${encodeURIComponent(user.userId)}/displayname`;
    return succeed(server, 'PUT', path, { token: user, body: { displayname } });
  };

  it('never joins a room again that the user leaves meanwhile', async () => {
    const roomId = await makeSharedRoom(server, alice, bob);
    let hasLeft = false;
    // The profile is looked up right before the event is proposed.
    const memberProfile = async () => {
      if (!hasLeft) assert.equal((await act(server, bob, roomId, 'leave')).status, 200);
      hasLeft = true;
      return { displayname: 'too late' };
    };
    await spreadProfile({ ...server.services, memberProfile }, await actorOf(bob));
    assert.equal(hasLeft, true);
    assert.equal(await membershipOf(server, alice, roomId, bob), 'leave');
  });

  it('passes over a room that refuses it', async () => {
    const rooms = [
      await makeRoom(server, alice),
      await makeRoom(server, alice),
      await makeRoom(server, alice),
    ];
    const [, bad] = rooms;
    const { pipeline } = server.services;
    const submit: typeof pipeline.submit = (proposal) =>
      pipeline.submit(proposal.roomId === bad ? { ...proposal, roomId: unknownRoom() } : proposal);
    const memberProfile = () => Promise.resolve({ displayname: 'new' });
    await spreadProfile({ ...server.services, memberProfile, pipeline: { submit } }, await actorOf(alice));
    const names = [];
    for (const roomId of rooms) names.push((await nameIn(roomId, alice)) === 'new');
    assert.deepEqual(names, [true, false, true]);
  });

  it('tries all rooms before it says that the database was lost', async () => {
    const rooms = [await makeRoom(server, alice), await makeRoom(server, alice)];
    const { pipeline } = server.services;
    const submit: typeof pipeline.submit = (proposal) =>
      proposal.roomId === rooms[0] ? Promise.reject(new Error('lost')) : pipeline.submit(proposal);
    const memberProfile = () => Promise.resolve({ displayname: 'new' });
    const deps = { ...server.services, memberProfile, pipeline: { submit } };
    await assert.rejects(spreadProfile(deps, await actorOf(alice)), /lost/);
    assert.equal(await nameIn(rooms[1] ?? '', alice), 'new');
  });

  it('leaves the same name in all rooms after many changes at once', async () => {
    const rooms = [await makeSharedRoom(server, bob, alice), await makeRoom(server, alice)];
    await Promise.all(['one', 'two', 'three', 'four'].map((name) => rename(alice, name)));
    const path = `/_matrix/client/v3/profile/${encodeURIComponent(alice.userId)}`;
    const { displayname } = await succeed(server, 'GET', path);
    for (const roomId of rooms) assert.equal(await nameIn(roomId, alice), displayname);
  });

  it('reaches many rooms', async () => {
    const rooms: string[] = [];
    for (let count = 0; count < 25; count += 1) rooms.push(await makeRoom(server, alice));
    await rename(alice, 'everywhere');
    for (const roomId of rooms) assert.equal(await nameIn(roomId, alice), 'everywhere');
  });

  it('takes away what a client wrote into a member event of its own', async () => {
    const roomId = await makeRoom(server, alice);
    await putState(
      server,
      alice,
      roomId,
      'm.room.member',
      { membership: 'join', displayname: 'here only' },
      alice.userId,
    );
    await rename(alice, 'everywhere');
    assert.equal(await nameIn(roomId, alice), 'everywhere');
  });
});

function unknownRoom(): RoomId {
  const roomId = parseRoomId('!unknown:localhost');
  if (roomId === undefined) throw new Error('a room id is one');
  return roomId;
}
