import assert from 'node:assert/strict';
import { registerUser, succeed, textAt, type TestUser } from '../support/server.ts';

const C = '/_matrix/client/v3';

/** Users who are all in the same rooms, where everyone may set state. */
export async function makeRooms(
  server: { readonly baseUrl: string },
  userCount: number,
  roomCount: number,
): Promise<{ readonly users: readonly TestUser[]; readonly roomIds: readonly string[] }> {
  const users: TestUser[] = [];
  for (let count = 0; count < userCount; count += 1) users.push(await registerUser(server, `user${count}`));
  const [creator, ...others] = users;
  assert.ok(creator);
  const roomIds: string[] = [];
  for (let count = 0; count < roomCount; count += 1) {
    const body = { preset: 'public_chat', power_level_content_override: { state_default: 0 } };
    const room = await succeed(server, 'POST', `${C}/createRoom`, { token: creator, body });
    const roomId = textAt(room, 'room_id');
    roomIds.push(roomId);
    for (const token of others)
      await succeed(server, 'POST', `${C}/join/${encodeURIComponent(roomId)}`, { token, body: {} });
  }
  return { users, roomIds };
}
