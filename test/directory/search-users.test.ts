import assert from 'node:assert/strict';
import { NameKeeper } from '../../src/directory/name-keeper.ts';
import { searchUsers } from '../../src/directory/search-users.ts';
import type { MatrixEvent } from '../../src/matrix/event.ts';
import type { RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { asMatrixEvent } from '../../src/rooms/load-facts.ts';
import { inTransaction } from '../../src/storage/database.ts';
import { insertAccount } from '../../src/storage/accounts.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { deleteProfileField, putProfileField } from '../../src/storage/profiles.ts';
import { findRoom } from '../../src/storage/rooms.ts';
import { listCurrentStateEvents } from '../../src/storage/state-events.ts';
import { internUsers } from '../../src/storage/users.ts';
import { createLog } from '../../src/util/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { localUser, makePipeline, type TestPipeline } from '../support/pipeline.ts';
import { receive, remoteEvent, remoteUser, stateOf } from '../support/remote-server.ts';
import { until } from '../support/until.ts';

const ALICE = localUser('alice');
const EVE = localUser('eve');
const DAN = remoteUser('dan');

describe('the directory of users', () => {
  let test: TestDatabase;
  let world: TestPipeline;
  let keepers: NameKeeper[];
  beforeEach(async () => {
    test = await createTestDatabase({ connections: 8 });
    world = makePipeline(test);
    keepers = [makeKeeper(), makeKeeper()];
    for (const userId of [ALICE, EVE]) await addAccount(userId);
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
  });

  const makeKeeper = (): NameKeeper =>
    new NameKeeper({ db: test.database.db, clock: world.clock, log: createLog({ level: 'silent' }) });
  /** Each search is at another process. */
  const nextKeeper = (): NameKeeper => {
    const keeper = keepers.shift() ?? makeKeeper();
    keepers.push(keeper);
    return keeper;
  };
  const nidOf = async (userId: UserId): Promise<number> => {
    const nid = (await internUsers(test.database.db, [userId])).get(userId);
    assert.ok(nid !== undefined);
    return nid;
  };
  const addAccount = async (userId: UserId): Promise<void> => {
    const userNid = await nidOf(userId);
    const account = { userNid, passwordHash: undefined, isGuest: false, isAdmin: false, createdTs: 0 };
    await inTransaction(test.database.db, (tx) => insertAccount(tx, account));
  };
  const setName = async (userId: UserId, name: string | undefined): Promise<void> => {
    const userNid = await nidOf(userId);
    await inTransaction(test.database.db, (tx) =>
      name === undefined
        ? deleteProfileField(tx, userNid, 'displayname')
        : putProfileField(tx, userNid, 'displayname', name),
    );
  };
  const search = async (searcher: UserId, term: string): Promise<unknown[]> => {
    const deps = {
      db: test.database.db,
      stateKeys: world.pipeline.stateKeys,
      config: { userDirectorySearchAllUsers: false },
      nameKeeper: nextKeeper(),
    };
    return [...(await searchUsers(deps, { userNid: await nidOf(searcher) }, term, 10)).results];
  };

  const readAll = async (nids: readonly number[]): Promise<MatrixEvent[]> =>
    (await listEventsByNid(test.database.db, nids)).map(asMatrixEvent);
  const setRemoteMember = async (roomId: RoomId, content: MatrixEvent['content']): Promise<void> => {
    const room = await findRoom(test.database.db, roomId);
    const state = await listCurrentStateEvents(test.database.db, room?.roomNid ?? 0);
    const event = remoteEvent(roomId, '11', {
      sender: DAN,
      type: 'm.room.member',
      stateKey: DAN,
      content,
      prevs: await readAll(room?.extremities.map((tip) => tip.eventNid) ?? []),
      state: stateOf(...state.map(asMatrixEvent)),
      originServerTs: world.clock.nowMs(),
    });
    assert.equal((await receive(world, event)).kind, 'committed');
  };

  it('has users of other servers as they are called in rooms that the searcher sees', async () => {
    const [open, closed] = [await world.createRoom(ALICE, '11'), await world.createRoom(ALICE, '11')];
    await setRemoteMember(open, { membership: 'join', displayname: 'Daniel', avatar_url: 'mxc://x/y' });
    await setRemoteMember(closed, { membership: 'join', displayname: 'Sweetheart' });
    await world.setState(closed, ALICE, 'm.room.join_rules', '', { join_rule: 'invite' });
    const daniel = { user_id: DAN, display_name: 'Daniel', avatar_url: 'mxc://x/y' };
    const sweetheart = { user_id: DAN, display_name: 'Sweetheart' };
    assert.deepEqual(await search(EVE, 'dani'), [daniel]);
    assert.deepEqual(await search(EVE, 'sweet'), []);
    assert.deepEqual(await search(ALICE, 'sweet'), [sweetheart]);
    assert.deepEqual(await search(EVE, '@dan:elsewhere'), [daniel]);
    await setRemoteMember(open, { membership: 'leave' });
    assert.deepEqual(await search(EVE, 'dan'), []);
    assert.deepEqual(await search(ALICE, 'dan'), [sweetheart]);
  });

  it('follows every change of a name', async () => {
    await world.createRoom(ALICE);
    const plain = { user_id: ALICE };
    assert.deepEqual(await search(EVE, 'alice'), [plain]);
    await setName(ALICE, 'Wonder');
    assert.deepEqual(await search(EVE, 'wonder'), [{ ...plain, display_name: 'Wonder' }]);
    await setName(ALICE, 'Looking Glass');
    assert.deepEqual(await search(EVE, 'wonder'), []);
    await setName(ALICE, undefined);
    assert.deepEqual(await search(EVE, 'glass'), []);
    assert.deepEqual(await search(EVE, 'alice'), [plain]);
  });

  it('is right when many change and search at the same time', async () => {
    await world.createRoom(ALICE);
    for (let round = 0; round < 25; round++) {
      const names = ['first', 'second', 'third'].map((name) => `${name}${round}`);
      await Promise.all([
        ...names.map((name) => setName(ALICE, name)),
        ...names.map((name) => search(EVE, name)),
      ]);
      await setName(ALICE, `last${round}`);
      const searches = await Promise.all([...names, `last${round}`].map((name) => search(EVE, name)));
      assert.deepEqual(
        searches.map((found) => found.length),
        [0, 0, 0, 1],
      );
    }
  });

  it('looks at what has changed though nobody searches', async () => {
    const { pool } = test.database;
    const isDone = async (): Promise<boolean> =>
      (await pool.query('select from user_name_changes')).rows.length === 0;
    await using keeper = makeKeeper();
    keeper.start();
    for (const name of ['one', 'two']) {
      await setName(ALICE, name);
      assert.ok(!(await isDone()));
      await until('the next look', () => world.clock.pendingTimers === 1);
      world.clock.advance(30_000);
      await until('the names to be looked at', isDone);
    }
  });

  it('has nobody who is locked out', async () => {
    await world.createRoom(ALICE);
    assert.equal((await search(EVE, 'alice')).length, 1);
    await test.database.pool.query('update accounts set locked_ts = 1 where user_nid = $1', [
      await nidOf(ALICE),
    ]);
    assert.deepEqual(await search(EVE, 'alice'), []);
  });
});
