import assert from 'node:assert/strict';
import { currentPosition } from '../../src/storage/database.ts';
import { clientPath } from '../client-api/facts-client.ts';
import { makeSharedRoom, makeUsers, say } from '../client-api/rooms-client.ts';
import { startTestServer, succeed } from '../support/server.ts';

describe('the mark up to which a user has read', () => {
  it('is not far from what is new, even for who never reads since their rules keep the room quiet', async () => {
    await using server = await startTestServer();
    const [alice, bob, carol] = await makeUsers(server, 'alice', 'bob', 'carol');
    const roomId = await makeSharedRoom(server, alice, bob);
    await succeed(server, 'POST', clientPath('join', roomId), { token: carol });
    const rule = clientPath('pushrules', 'global', 'room', roomId);
    await succeed(server, 'PUT', rule, { token: bob, body: { actions: [] } });
    for (let said = 0; said < 100; said++) await say(server, alice, roomId, 'hello');
    const { db, pushMover } = server.services;
    await pushMover.catchUp(await currentPosition(db));
    const { rows } = await server.services.database.pool.query(
      `select u.user_id, count(*) as passed from users u
       join notifications n on n.user_bucket = u.user_nid / 32
         and n.room_nid = (select room_nid from rooms where room_id = $2)
       left join read_marks m on m.user_nid = u.user_nid and m.room_nid = n.room_nid and m.thread_id = ''
       where u.user_id = any($1) and n.position > coalesce(m.position, 0) group by u.user_id order by 1`,
      [[bob.userId, carol.userId], roomId],
    );
    assert.deepEqual(
      rows.map((row) => row.user_id),
      [carol.userId],
    );
  });
});
