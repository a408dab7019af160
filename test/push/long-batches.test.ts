import assert from 'node:assert/strict';
import { PushMover } from '../../src/push/mover.ts';
import { currentPosition } from '../../src/storage/database.ts';
import { clientPath, syncAs } from '../client-api/facts-client.ts';
import {
  act,
  makeSharedRoom,
  makeUsers,
  objectAt,
  objectsAt,
  pathOf,
  say,
} from '../client-api/rooms-client.ts';
import { countQueries } from '../support/count-queries.ts';
import { startTestServer, succeed, type TestServer, type TestUser } from '../support/server.ts';

describe('push rules that take long', () => {
  it('are applied batch by batch, and say what they say in one', async () => {
    await using server = await startTestServer();
    const { services } = server;
    await services.pushMover[Symbol.asyncDispose]();
    const [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
    const inOne = new PushMover({ ...services, onPushersDue: () => undefined });
    const inMany = new PushMover({ ...services, onPushersDue: () => undefined, longBatchMs: -1 });
    const told: unknown[] = [];
    const queries: number[] = [];
    for (const mover of [inOne, inMany]) {
      const roomId = await makeSharedRoom(server, alice, bob);
      await act(server, carol, roomId, 'join');
      await say(server, alice, roomId, 'read by who answers');
      await say(server, bob, roomId, 'an answer');
      const regretted = await say(server, alice, roomId, 'taken back');
      await say(server, alice, roomId, `for ${bob.userId}`);
      await succeed(server, 'PUT', pathOf(roomId, 'redact', regretted, 'once'), { token: alice, body: {} });
      await act(server, carol, roomId, 'leave');
      await act(server, carol, roomId, 'join');
      await say(server, alice, roomId, 'for who came back');
      queries.push(
        await countQueries(services.database, async () => mover.catchUp(await currentPosition(services.db))),
      );
      told.push(await Promise.all([alice, bob, carol].map((user) => toldTo(server, user, roomId))));
    }
    const [one, many] = told;
    assert.deepEqual(many, one);
    const [few = 0, more = 0] = queries;
    assert.ok(more > 3 * few, `${few} queries in one batch, ${more} in many`);
  });
});

/** What a user was notified of in a room, and how much of it counts as unread. */
async function toldTo(server: TestServer, user: TestUser, roomId: string): Promise<unknown> {
  const counts = objectAt((await syncAs(server, user)).joined(roomId), 'unread_notifications');
  const body = await succeed(server, 'GET', clientPath('notifications'), { token: user });
  const here = objectsAt(body, 'notifications').filter((notification) => notification['room_id'] === roomId);
  return [
    counts,
    here.map(({ actions, read, event }) => [actions, read, objectAt({ event }, 'event')['content']]),
  ];
}
