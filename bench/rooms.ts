import type { Account } from './accounts.ts';
import { textAt, type BenchClient } from './client.ts';
import { numbers, together } from './measure.ts';

const AT_ONCE = 10;
let transactions = 0;

/** A name that no other transaction or state key of this process has. */
export function nextName(): string {
  transactions += 1;
  return `${process.pid}.${transactions}`;
}

/** The path of a room, to be continued. */
export function roomPath(roomId: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
}

/** Makes a public room and lets the others join. */
export async function makeRoom(
  client: BenchClient,
  creator: Account,
  others: readonly Account[] = [],
): Promise<string> {
  const path = '/_matrix/client/v3/createRoom';
  const roomId = textAt(await client.call('POST', path, creator.token, { preset: 'public_chat' }), 'room_id');
  await together(others, AT_ONCE, (other) => join(client, other, roomId));
  return roomId;
}

export function join(client: BenchClient, account: Account, roomId: string): Promise<void> {
  const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`;
  return client.skim('POST', path, account.token, {});
}

/** Sends a message of some twenty letters. */
export function sendMessage(client: BenchClient, sender: Account, roomId: string): Promise<void> {
  const name = nextName();
  const path = `${roomPath(roomId)}/send/m.room.message/${name}`;
  return client.skim('PUT', path, sender.token, { msgtype: 'm.text', body: `message number ${name}` });
}

/** Sends so many messages, ten at a time. */
export async function sendMessages(
  client: BenchClient,
  sender: Account,
  roomId: string,
  count: number,
): Promise<void> {
  await together(numbers(count), AT_ONCE, () => sendMessage(client, sender, roomId));
}

/** Sets one of the numbered state events of a room to something that it was not before. */
export function setState(client: BenchClient, sender: Account, roomId: string, key: number): Promise<void> {
  const path = `${roomPath(roomId)}/state/org.example.bench/key-${key}`;
  return client.skim('PUT', path, sender.token, { value: nextName() });
}

/** Makes a room with so many numbered state events, besides the few that each room has. */
export async function makeRoomWithState(
  client: BenchClient,
  creator: Account,
  count: number,
): Promise<string> {
  const roomId = await makeRoom(client, creator);
  await together(numbers(count), AT_ONCE, (key) => setState(client, creator, roomId, key));
  return roomId;
}
