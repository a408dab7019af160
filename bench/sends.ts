import { BenchClient, textAt } from './client.ts';
import { measure, throughput, type Measurement } from './measure.ts';

interface Member {
  readonly token: string;
  readonly userId: string;
}

let accounts = 0;

/** Makes an account on the server under test. */
export async function makeUser(client: BenchClient): Promise<Member> {
  accounts += 1;
  const body = await client.call('POST', '/_matrix/client/v3/register', undefined, {
    username: `bench-${process.pid}-${accounts}`,
    password: `bench ${process.pid}`,
    auth: { type: 'm.login.dummy' },
  });
  return { token: textAt(body, 'access_token'), userId: textAt(body, 'user_id') };
}

/** Makes a public room and lets the others join. */
export async function makeRoom(
  client: BenchClient,
  creator: Member,
  others: readonly Member[],
): Promise<string> {
  const body = await client.call('POST', '/_matrix/client/v3/createRoom', creator.token, {
    preset: 'public_chat',
  });
  const roomId = textAt(body, 'room_id');
  for (const other of others) {
    await client.call('POST', `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`, other.token, {});
  }
  return roomId;
}

/** Messages a second by one sender, by ten in one room, and by ten in ten rooms. */
export async function measureSends(
  baseUrl: string,
  rounds: number,
  roundMs: number,
): Promise<readonly Measurement[]> {
  const client = new BenchClient(baseUrl, 16);
  const users: Member[] = [];
  for (let n = 0; n < 10; n += 1) users.push(await makeUser(client));
  const [first] = users;
  if (first === undefined) throw new Error('nobody registered');
  const shared = await makeRoom(client, first, users.slice(1));
  const own: string[] = [];
  for (const user of users) own.push(await makeRoom(client, user, []));
  let turn = 0;
  const send = (user: Member | undefined, roomId: string | undefined): Promise<unknown> => {
    if (user === undefined || roomId === undefined) throw new Error('a sender without a room');
    turn += 1;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${process.pid}-${turn}`;
    return client.call('PUT', path, user.token, { msgtype: 'm.text', body: `message number ${turn}` });
  };
  const results = [
    await measure('sends, 1 sender', 'events/s', rounds, () =>
      throughput(1, roundMs, () => send(first, shared)),
    ),
    await measure('sends, 10 senders in one room', 'events/s', rounds, () =>
      throughput(10, roundMs, (worker) => send(users[worker], shared)),
    ),
    await measure('sends, 10 senders in ten rooms', 'events/s', rounds, () =>
      throughput(10, roundMs, (worker) => send(users[worker], own[worker])),
    ),
  ];
  client.close();
  return results;
}
