import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../src/util/json.ts';
import {
  registerUser,
  request,
  succeed,
  textAt,
  userIn,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

type Reachable = Pick<TestServer, 'baseUrl'>;

let made = 0;

/** New users with these names and a number that nobody else has. */
export async function makeUsers<Names extends readonly string[]>(
  server: Reachable,
  ...names: Names
): Promise<{ readonly [Index in keyof Names]: TestUser }> {
  const users: TestUser[] = [];
  for (const name of names) users.push(await registerUser(server, `${name}${made++}`));
  // One for each name, which TypeScript cannot see of a loop.
  return users as { readonly [Index in keyof Names]: TestUser };
}

/** As {@link makeUsers}, for tests that want the same two as ever. */
export function makeTwo(server: Reachable): Promise<readonly [TestUser, TestUser]> {
  return makeUsers(server, 'alice', 'bob');
}

export async function makeGuest(server: Reachable): Promise<TestUser> {
  return userIn(await succeed(server, 'POST', '/_matrix/client/v3/register?kind=guest', { body: {} }));
}

/** A room, public unless `wishes` says otherwise. */
export async function makeRoom(
  server: Reachable,
  creator: TestUser,
  wishes: JsonObject = {},
): Promise<string> {
  const body = await succeed(server, 'POST', '/_matrix/client/v3/createRoom', {
    token: creator,
    body: { preset: 'public_chat', ...wishes },
  });
  return textAt(body, 'room_id');
}

/** A room with both in it. */
export async function makeSharedRoom(
  server: Reachable,
  creator: TestUser,
  member: TestUser,
  wishes: JsonObject = {},
): Promise<string> {
  const roomId = await makeRoom(server, creator, { ...wishes, invite: [member.userId] });
  await succeed(server, 'POST', pathOf(roomId, 'join'), { token: member });
  return roomId;
}

/** `/_matrix/client/v3/rooms/{roomId}/…`, each part escaped. */
export function pathOf(roomId: string, ...parts: readonly string[]): string {
  return `/_matrix/client/v3/rooms/${[roomId, ...parts].map(encodeURIComponent).join('/')}`;
}

/** The answer to an action in a room, such as `kick`. */
export function act(
  server: Reachable,
  user: TestUser,
  roomId: string,
  action: string,
  body: JsonObject = {},
): Promise<TestReply> {
  return request(server, 'POST', pathOf(roomId, action), { token: user, body });
}

/** Sends a text; the answer is the event's id. */
export async function say(server: Reachable, user: TestUser, roomId: string, text: string): Promise<string> {
  const path = pathOf(roomId, 'send', 'm.room.message', `say${made++}`);
  const body = await succeed(server, 'PUT', path, { token: user, body: { msgtype: 'm.text', body: text } });
  return textAt(body, 'event_id');
}

export function putState(
  server: Reachable,
  user: TestUser,
  roomId: string,
  type: string,
  content: JsonObject,
  stateKey = '',
): Promise<TestReply> {
  return request(server, 'PUT', pathOf(roomId, 'state', type, stateKey), { token: user, body: content });
}

export async function getState(
  server: Reachable,
  user: TestUser,
  roomId: string,
  type: string,
  stateKey = '',
): Promise<JsonObject> {
  return succeed(server, 'GET', pathOf(roomId, 'state', type, stateKey), { token: user });
}

/** What a new user is called until they choose a name: the localpart. */
export function nameOf(user: TestUser): string {
  return user.userId.slice(1, user.userId.indexOf(':'));
}

/** The user's membership as somebody in the room sees it. */
export async function membershipOf(
  server: Reachable,
  viewer: TestUser,
  roomId: string,
  member: TestUser,
): Promise<JsonValue | undefined> {
  return (await getState(server, viewer, roomId, 'm.room.member', member.userId))['membership'];
}

/** The event that says what the member is, as somebody in the room sees it. */
export function memberEventOf(
  server: Reachable,
  viewer: TestUser,
  roomId: string,
  member: TestUser,
): Promise<JsonObject> {
  const path = `${pathOf(roomId, 'state', 'm.room.member', member.userId)}?format=event`;
  return succeed(server, 'GET', path, { token: viewer });
}

/** What {@link refusalOf} says of one that may not. */
export const FORBIDDEN = [403, 'M_FORBIDDEN'];

/** Status and errcode: what a refusal is told by. */
export function refusalOf(reply: TestReply): readonly [number, JsonValue | undefined] {
  return [reply.status, reply.body['errcode']];
}

/** A list of objects in an answer. */
export function objectsAt(body: JsonObject, key: string): JsonObject[] {
  const list = body[key];
  return isJsonArray(list) ? list.filter(isJsonObject) : [];
}

/** An object in an answer; empty where there is none. */
export function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return isJsonObject(value) ? value : {};
}

/** What was said, event by event; events without a text show their type. */
export function textsOf(events: readonly JsonObject[]): (JsonValue | undefined)[] {
  return events.map((event) => objectAt(event, 'content')['body'] ?? event['type']);
}
