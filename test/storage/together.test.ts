import assert from 'node:assert/strict';
import type { Db } from '../../src/storage/database.ts';
import { listEventsByNid, listTimeline } from '../../src/storage/events.ts';
import { listMembershipsIn } from '../../src/storage/membership-reading.ts';
import { readTogether } from '../../src/storage/together.ts';
import { findUserNid } from '../../src/storage/users.ts';
import { createTestDatabase } from '../support/database.ts';
import { localUser, makePipeline } from '../support/pipeline.ts';

const ALICE = localUser('alice');
const BOB = localUser('bob');

describe('reading together', () => {
  it('makes one read of the calls of one turn, and gives each its own answer', async () => {
    await using database = await createTestDatabase({ migrated: false });
    const reads: number[][] = [];
    const double = readTogether(async (_, calls: readonly number[]) => {
      reads.push([...calls]);
      return calls.map((call) => call * 2);
    });
    const { db } = database.database;
    const first = await Promise.all([
      double(db, 1),
      double(db, 2),
      Promise.resolve().then(() => double(db, 3)),
    ]);
    assert.deepEqual(first, [2, 4, 6]);
    assert.deepEqual(await double(db, 4), 8);
    assert.deepEqual(reads, [[1, 2, 3], [4]]);
  });

  it('fails all of them, and not those that come later', async () => {
    await using database = await createTestDatabase({ migrated: false });
    let isAway = true;
    const read = readTogether(async (_, calls: readonly number[]) => {
      if (isAway) throw new Error('away');
      return calls;
    });
    const { db } = database.database;
    const outcomes = await Promise.allSettled([read(db, 1), read(db, 2)]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    );
    isAway = false;
    assert.equal(await read(db, 3), 3);
  });

  it('keeps databases apart', async () => {
    const seen: Db[] = [];
    const read = readTogether(async (db, calls: readonly number[]) => {
      seen.push(db);
      return calls;
    });
    await using one = await createTestDatabase({ migrated: false });
    await using other = await createTestDatabase({ migrated: false });
    await Promise.all([read(one.database.db, 1), read(other.database.db, 2)]);
    assert.deepEqual(seen, [one.database.db, other.database.db]);
  });

  it('gives timelines, events and memberships to whom they belong', async () => {
    await using database = await createTestDatabase();
    await using test = makePipeline(database, { seed: 'together' });
    const { db } = database.database;
    const [here, there] = [await test.createRoom(ALICE), await test.createRoom(BOB)];
    const sent = [await test.send(here, ALICE, 'a'), await test.send(there, BOB, 'b')];
    const [alice, bob] = [await findUserNid(db, ALICE), await findUserNid(db, BOB)];
    const [first, second] = sent;
    assert.ok(alice !== undefined && bob !== undefined && first !== undefined && second !== undefined);
    const nidOf = async (nid: number): Promise<number> => (await listEventsByNid(db, [nid]))[0]?.roomNid ?? 0;
    const [roomHere, roomThere] = await Promise.all([nidOf(first.nid), nidOf(second.nid)]);
    assert.notEqual(roomHere, roomThere);
    const range = { after: -1, upTo: second.position ?? 0, limit: 2 };
    const [newest, oldest, other, nothing] = await Promise.all([
      listTimeline(db, { ...range, roomNid: roomHere, newestFirst: true }),
      listTimeline(db, { ...range, roomNid: roomHere, newestFirst: false }),
      listTimeline(db, { ...range, roomNid: roomThere, newestFirst: true, limit: 1 }),
      listTimeline(db, {
        ...range,
        roomNid: roomThere,
        newestFirst: true,
        upTo: first.position ?? 0,
        after: first.position ?? 0,
      }),
    ]);
    assert.equal(newest[0]?.eventNid, first.nid);
    assert.equal(newest.length, 2);
    assert.ok((newest[1]?.position ?? 0) < (newest[0]?.position ?? 0));
    assert.ok((oldest[0]?.position ?? 0) < (oldest[1]?.position ?? 0));
    assert.deepEqual(
      other.map((event) => event.eventNid),
      [second.nid],
    );
    assert.deepEqual(nothing, []);
    const [hers, his, none] = await Promise.all([
      listMembershipsIn(db, [roomHere, roomThere], alice),
      listMembershipsIn(db, [roomThere], bob),
      listMembershipsIn(db, [roomHere], bob),
    ]);
    assert.deepEqual(
      [hers, his, none].map((found) => found.map((one) => one.roomNid)),
      [[roomHere], [roomThere], []],
    );
  });
});
