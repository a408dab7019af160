import assert from 'node:assert/strict';
import { inTransaction, type Db, type Tx } from '../../src/storage/database.ts';
import {
  deleteNotificationsOf,
  deleteNotificationsOfUser,
  deleteOldNotifications,
} from '../../src/storage/forgotten-notifications.ts';
import {
  countUnread,
  findPushWork,
  insertNotifications,
  listNotifications,
  listRoomsWithCountChanges,
  type Notification,
} from '../../src/storage/notifications.ts';
import { moveReadMarks, type ReadMark } from '../../src/storage/read-marks.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { NotificationModel, threadOf } from './notification-model.ts';

const ROOMS = [1, 2, 3];
/** Three in the middle of a bucket, two at either side of its border, and one far away. */
const USERS = [29, 30, 31, 32, 33, 40, 2 ** 33 + 31];
const EVERYTHING = Number.MAX_SAFE_INTEGER;
const QUIET = ['notify'];
const LOUD = ['notify', { set_tweak: 'highlight' }];

describe('notifications that users share', () => {
  let test: TestDatabase;
  let db: Db;
  beforeEach(async () => {
    test = await createTestDatabase();
    ({ db } = test.database);
    await test.database.pool.query(
      `
      insert into rooms (room_nid, room_id, room_version, version, state_root, extremities)
      select n, '!' || n, '12', 1, '', '{}' from unnest($1::bigint[]) as n`,
      [ROOMS],
    );
    await test.database.pool.query(
      `
      insert into memberships (room_nid, user_nid, membership, event_nid, position, is_local)
      select r, u, 'join', 0, 0, true from unnest($1::bigint[]) as r cross join unnest($2::bigint[]) as u`,
      [ROOMS, USERS],
    );
    // A pusher of each, without the devices that they belong to.
    await test.database.pool.query('alter table pushers drop constraint pushers_user_nid_device_id_fkey');
    await test.database.pool.query(
      `
      insert into pushers (user_nid, device_id, app_id, pushkey, kind, app_display_name, device_display_name, lang,
        data, pushkey_ts, position)
      select u, 'D', 'app', 'key', 'http', 'App', 'Device', 'en', '{}', 0, 0 from unnest($1::bigint[]) as u`,
      [USERS],
    );
  });
  afterEach(() => test[Symbol.asyncDispose]());

  const notice = (userNid: number, position: number, more: Partial<Notification> = {}): Notification => ({
    userNid,
    position,
    roomNid: 1,
    eventNid: position,
    threadId: 'main',
    isHighlight: false,
    actions: QUIET,
    createdTs: position,
    ...more,
  });
  const mark = (userNid: number, upTo: number, threadId?: string): ReadMark => ({
    userNid,
    roomNid: 1,
    threadId,
    upTo,
  });
  /** Runs `write`, and names the users whose pushers are due by that. */
  const dueBy = async (write: (tx: Tx) => Promise<boolean>): Promise<number[]> => {
    const isDue = await inTransaction(db, write);
    const { rows } = await test.database.pool.query<{ user_nid: number }>(
      'update pushers set due_ts = null where due_ts is not null returning user_nid',
    );
    assert.equal(isDue, rows.length > 0);
    return rows.map((row) => row.user_nid).toSorted((one, other) => one - other);
  };
  const notify = (...notifications: Notification[]): Promise<number[]> =>
    dueBy((tx) => insertNotifications(tx, notifications, 0));
  const read = (reached: number, ...marks: ReadMark[]): Promise<number[]> =>
    dueBy((tx) => moveReadMarks(tx, marks, { reached, nowTs: 0 }));
  const withdraw = (position: number, roomNid: number): Promise<number[]> =>
    dueBy((tx) => deleteNotificationsOf(tx, [{ roomNid, position }], 0));
  const count = async (userNid: number, upTo = EVERYTHING): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await countUnread(db, userNid, [1], upTo)).map((one) => [one.threadId, one.notifications]),
    );
  const rows = async (query: string): Promise<unknown[]> =>
    (await test.database.pool.query({ text: query, rowMode: 'array' })).rows;
  const marks = (): Promise<unknown[]> =>
    rows('select user_nid, thread_id, position from read_marks order by 1, 2');

  it('lie in a row for each bucket and for what is to be done', async () => {
    const due = await notify(
      ...USERS.map((userNid) =>
        notice(userNid, 5, userNid === 30 ? { isHighlight: true, actions: LOUD } : {}),
      ),
    );
    assert.deepEqual(due, USERS);
    assert.deepEqual(
      await rows('select user_bucket, outcome, users, is_highlight from notifications order by 1, 2'),
      [
        [0, 0, 2 ** 29 + 2 ** 31, false],
        [0, 1, 2 ** 30, true],
        [1, 0, 1 + 2 + 2 ** 8, false],
        [2 ** 28, 0, 2 ** 31, false],
      ],
    );
    for (const userNid of USERS) assert.deepEqual(await count(userNid), { main: 1 });
    assert.deepEqual(await countUnread(db, 30, ROOMS, 5), [
      { roomNid: 1, threadId: 'main', notifications: 1, highlights: 1 },
    ]);
    for (const userNid of [0, 28, 34, 63, 64]) assert.deepEqual(await count(userNid), {});
  });

  it('are read by each user alone, and no row changes', async () => {
    for (const position of [1, 2, 3]) await notify(...USERS.map((userNid) => notice(userNid, position)));
    const before = await rows('select xmin::text, ctid::text from notifications order by 2');
    assert.deepEqual(await read(3, mark(31, 2), mark(32, 3)), [31, 32]);
    assert.deepEqual([await count(31), await count(32), await count(33)], [{ main: 1 }, {}, { main: 3 }]);
    assert.deepEqual(await read(3, mark(31, 1), mark(32, 3)), [], 'read already');
    assert.deepEqual(await count(31), { main: 1 });
    assert.deepEqual(await rows('select xmin::text, ctid::text from notifications order by 2'), before);
  });

  it('of threads are read in any order, and what is read up to somewhere needs one mark', async () => {
    await notify(
      notice(31, 1),
      notice(31, 2, { threadId: threadOf(1) }),
      notice(31, 3, { threadId: threadOf(2) }),
      notice(31, 4),
      notice(31, 5, { threadId: threadOf(1) }),
    );
    await read(6, mark(31, 5, threadOf(1)));
    assert.deepEqual(await count(31), { main: 2, [threadOf(2)]: 1 });
    assert.deepEqual(await marks(), [[31, threadOf(1), 5]]);
    await read(6, mark(31, 1, 'main'));
    assert.deepEqual(await count(31), { main: 1, [threadOf(2)]: 1 });
    assert.deepEqual(await marks(), [
      [31, '', 2],
      [31, threadOf(1), 5],
    ]);
    await read(6, mark(31, 4, 'main'));
    assert.deepEqual(await marks(), [
      [31, '', 2],
      [31, threadOf(1), 5],
      [31, 'main', 4],
    ]);
    await read(7, mark(31, 3, threadOf(2)));
    assert.deepEqual(await count(31), {});
    assert.deepEqual(await marks(), [[31, '', 7]]);
    await notify(notice(31, 8, { threadId: threadOf(1) }));
    assert.deepEqual(await count(31), { [threadOf(1)]: 1 });
  });

  it('that others do not read are no way to go for who is notified of none of them', async () => {
    for (let position = 1; position <= 9; position++) await notify(notice(32, position));
    await read(9, mark(33, 0));
    assert.deepEqual(await marks(), [[33, '', 9]]);
    await read(9, mark(32, 0));
    assert.deepEqual(await count(32), { main: 9 });
  });

  it('end with an account, those of others in the row apart', async () => {
    await notify(notice(31, 1), notice(30, 1), notice(31, 2), notice(32, 2));
    await read(2, mark(31, 1));
    await inTransaction(db, (tx) => deleteNotificationsOfUser(tx, 31));
    assert.deepEqual([await count(30), await count(31), await count(32)], [{ main: 1 }, {}, { main: 1 }]);
    assert.deepEqual(await rows('select user_bucket, position, users from notifications order by 1'), [
      [0, 1, 2 ** 30],
      [1, 2, 1],
    ]);
    assert.deepEqual(await marks(), []);
  });

  it('count as if each user had their own, whatever happens', async () => {
    for (const seed of [1, 2, 3]) await compareHistory(seed);
  });

  /** Plays a history that the seed decides to the database and to a model. */
  async function compareHistory(seed: number): Promise<void> {
    await test.database.pool.query(
      "truncate notifications, read_marks; update memberships set membership = 'join'",
    );
    const random = randomFrom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const model = new NotificationModel();
    const joined = new Map(USERS.map((userNid) => [userNid, new Set(ROOMS)]));
    const events: { readonly position: number; readonly roomNid: number }[] = [];
    let end = 0;
    const send = async (): Promise<void> => {
      const notifications: Notification[] = [];
      for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
        const event = { position: (end += 1), roomNid: pick(ROOMS), threadId: threadOf(pick([0, 0, 1, 2])) };
        events.push(event);
        for (const userNid of USERS) {
          if (joined.get(userNid)?.has(event.roomNid) !== true || random() < 0.4) continue;
          const isHighlight = random() < 0.2;
          notifications.push(
            notice(userNid, event.position, { ...event, isHighlight, actions: isHighlight ? LOUD : QUIET }),
          );
        }
      }
      model.notify(notifications);
      const due = await notify(...notifications);
      assert.deepEqual(new Set(due), new Set(notifications.map((one) => one.userNid)));
    };
    const markSomewhere = (roomNid: number, userNid = pick(USERS)): ReadMark => ({
      userNid,
      roomNid,
      threadId: pick([undefined, 'main', threadOf(1), threadOf(2)]),
      upTo: random() < 0.2 ? 0 : Math.floor(random() * (end + 1)),
    });
    const readSomething = async (): Promise<void> => {
      const given = Array.from({ length: 1 + Math.floor(random() * 3) }, () => markSomewhere(pick(ROOMS)));
      const changed = await read(end, ...given);
      assert.deepEqual(new Set(changed), model.read(given));
    };
    const comeOrGo = async (): Promise<void> => {
      const [userNid, roomNid] = [pick(USERS), pick(ROOMS)];
      const rooms = joined.get(userNid) ?? new Set();
      const membership = rooms.delete(roomNid) ? 'leave' : 'join';
      if (membership === 'join') rooms.add(roomNid);
      await test.database.pool.query(
        'update memberships set membership = $3 where user_nid = $1 and room_nid = $2',
        [userNid, roomNid, membership],
      );
      const given = [{ userNid, roomNid, threadId: undefined, upTo: (end += 1) }];
      assert.deepEqual(new Set(await read(end, ...given)), model.read(given));
    };
    const redact = async (): Promise<void> => {
      if (events.length === 0) return;
      const { position, roomNid } = pick(events);
      assert.deepEqual(new Set(await withdraw(position, roomNid)), model.withdraw(position));
    };
    const forget = async (): Promise<void> => {
      if (random() < 0.8) return;
      const before = { readTs: Math.floor(end / 2), unreadTs: Math.floor(end / 4) };
      await deleteOldNotifications(db, before, 7);
      model.sweep(before);
      const userNid = pick(USERS);
      await inTransaction(db, (tx) => deleteNotificationsOfUser(tx, userNid));
      model.forgetUser(userNid);
    };
    for (let step = 0; step < 80; step++) {
      await pick([send, send, readSomething, readSomething, comeOrGo, redact, forget])();
      const [after, upTo] = [random() * end, random() * end].map(Math.floor).toSorted((a, b) => a - b) as [
        number,
        number,
      ];
      await Promise.all(
        USERS.map(async (userNid) => {
          const at = `seed ${seed}, step ${step}, user ${userNid}`;
          for (const until of [upTo, end]) {
            const counts = await countUnread(db, userNid, ROOMS, until);
            assert.deepEqual(
              counts.toSorted(byPlace),
              model.count(userNid, ROOMS, until).toSorted(byPlace),
              at,
            );
          }
          const { next, unread } = await findPushWork(db, userNid, after);
          const rooms = [...(joined.get(userNid) ?? [])];
          assert.deepEqual({ next: next?.position, unread }, model.work(userNid, after, rooms), at);
          for (const highlightsOnly of [true, false]) {
            const listed = await listNotifications(db, userNid, {
              before: undefined,
              limit: 1_000,
              highlightsOnly,
            });
            assert.deepEqual(
              listed.map(({ position, isRead, actions }) => ({ position, isRead, actions })),
              model.list(userNid, highlightsOnly),
              at,
            );
          }
          const changed = await listRoomsWithCountChanges(db, userNid, ROOMS, after, upTo);
          assert.deepEqual(new Set(changed), model.roomsBetween(userNid, after, upTo), at);
        }),
      );
    }
  }
});

function byPlace(
  one: { roomNid: number; threadId: string },
  other: { roomNid: number; threadId: string },
): number {
  return one.roomNid - other.roomNid || one.threadId.localeCompare(other.threadId);
}

/** Numbers from 0 to 1 that a seed decides. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
