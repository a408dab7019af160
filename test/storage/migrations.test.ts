import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/storage/database.ts';
import { migrate, MIGRATIONS_DIRECTORY, readMigrations } from '../../src/storage/migrations.ts';
import { findTransactionResponse, hashRequest } from '../../src/storage/client-transactions.ts';
import { listEventsByNid } from '../../src/storage/events.ts';
import { countUnread, listNotifications } from '../../src/storage/notifications.ts';
import { SEARCH_KEYS } from '../../src/search/searchable-text.ts';
import { listHits, type Hit, type HitQuery } from '../../src/storage/search.ts';
import { createLog } from '../../src/util/log.ts';
import { deviceId } from '../support/accounts.ts';
import { createTestDatabase } from '../support/database.ts';

const log = createLog({ level: 'silent' });

/** A directory of migrations that a test writes. */
async function migrationsOf(
  files: Readonly<Record<string, string>>,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'morrow-migrations-'));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(path, name), sql);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function applied({ pool }: Database): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>('select name from migrations order by number');
  return rows.map(({ name }) => name);
}

async function hasTable({ pool }: Database, name: string): Promise<boolean> {
  const { rowCount } = await pool.query('select from pg_tables where tablename = $1', [name]);
  return rowCount === 1;
}

/** Applies the migrations up to a number. */
async function migrateUpTo(database: Database, last: number): Promise<void> {
  const earlier = (await readMigrations(MIGRATIONS_DIRECTORY)).filter(({ number }) => number <= last);
  await using before = await migrationsOf(
    Object.fromEntries(earlier.map(({ name, sql }) => [`${name}.sql`, sql])),
  );
  await migrate(database, before.path, log);
}

const ONE = 'create table one (a integer);';
const TWO = 'create table two (a integer);\ninsert into one values (2);';

describe('migrations', () => {
  it('run in order, once each', async () => {
    await using test = await createTestDatabase({ migrated: false });
    await using first = await migrationsOf({ '0001_one.sql': ONE });
    await migrate(test.database, first.path, log);
    assert.deepEqual(await applied(test.database), ['0001_one']);
    await using both = await migrationsOf({ '0001_one.sql': ONE, '0002_two.sql': TWO });
    await migrate(test.database, both.path, log);
    await migrate(test.database, both.path, log);
    assert.deepEqual(await applied(test.database), ['0001_one', '0002_two']);
    assert.deepEqual((await test.database.pool.query('select a from one')).rows, [{ a: 2 }]);
  });

  it('run once when several processes start together', async () => {
    await using test = await createTestDatabase({ migrated: false, connections: 8 });
    await using directory = await migrationsOf({ '0001_one.sql': ONE, '0002_two.sql': TWO });
    await Promise.all(Array.from({ length: 8 }, () => migrate(test.database, directory.path, log)));
    assert.deepEqual((await test.database.pool.query('select a from one')).rows, [{ a: 2 }]);
  });

  it('that fail leave nothing of themselves, and those before them stay', async () => {
    await using test = await createTestDatabase({ migrated: false });
    const broken = 'create table two (a integer);\ninsert into nowhere values (1);';
    await using directory = await migrationsOf({ '0001_one.sql': ONE, '0002_two.sql': broken });
    await assert.rejects(migrate(test.database, directory.path, log), {
      message: 'Migration 0002_two failed: relation "nowhere" does not exist',
    });
    assert.deepEqual(await applied(test.database), ['0001_one']);
    assert.equal(await hasTable(test.database, 'two'), false);
    await writeFile(join(directory.path, '0002_two.sql'), TWO);
    await migrate(test.database, directory.path, log);
    assert.deepEqual(await applied(test.database), ['0001_one', '0002_two']);
  });

  it('that landed may not be edited', async () => {
    await using test = await createTestDatabase({ migrated: false });
    await using directory = await migrationsOf({ '0001_one.sql': ONE });
    await migrate(test.database, directory.path, log);
    await writeFile(join(directory.path, '0001_one.sql'), `${ONE} -- edited`);
    await writeFile(join(directory.path, '0002_two.sql'), TWO);
    await assert.rejects(
      migrate(test.database, directory.path, log),
      /0001_one is not the one .* never edited/,
    );
    assert.equal(await hasTable(test.database, 'two'), false);
  });

  it('may be checked out with other line ends', async () => {
    await using test = await createTestDatabase({ migrated: false });
    await using directory = await migrationsOf({ '0001_one.sql': `${ONE}\n` });
    await migrate(test.database, directory.path, log);
    await writeFile(join(directory.path, '0001_one.sql'), `${ONE}\r\n`);
    await migrate(test.database, directory.path, log);
  });

  it('refuse a database that is newer than the code', async () => {
    await using test = await createTestDatabase({ migrated: false });
    await using newer = await migrationsOf({ '0001_one.sql': ONE, '0002_two.sql': TWO });
    await migrate(test.database, newer.path, log);
    await using older = await migrationsOf({ '0001_one.sql': ONE });
    await assert.rejects(
      migrate(test.database, older.path, log),
      /newer than this Morrow.*0002_two.*0001_one/,
    );
  });

  it('have a number of their own and are named like 0001_word.sql', async () => {
    await using gap = await migrationsOf({ '0001_one.sql': ONE, '0003_three.sql': TWO });
    assert.equal((await readMigrations(gap.path)).length, 2);
    await using twice = await migrationsOf({ '0001_one.sql': ONE, '0001_two.sql': TWO });
    await assert.rejects(readMigrations(twice.path), {
      message: 'Migrations 0001_one and 0001_two have the same number.',
    });
    await using odd = await migrationsOf({ '1-one.sql': ONE });
    await assert.rejects(readMigrations(odd.path), {
      message: 'Migration 1-one.sql is not named like 0001_word.sql.',
    });
  });

  it('leave a database that another Morrow finds complete', async () => {
    await using test = await createTestDatabase();
    const landed = await applied(test.database);
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    assert.deepEqual(await applied(test.database), landed);
    assert.equal(landed.length, (await readMigrations(MIGRATIONS_DIRECTORY)).length);
  });

  it('keep the forward extremities of rooms (0021)', async () => {
    await using test = await createTestDatabase({ migrated: false });
    await migrateUpTo(test.database, 20);
    await test.database.pool.query(`
      insert into rooms (room_nid, room_id, room_version, version, state_root)
      values (1, '!one', '12', 1, ''), (2, '!two', '12', 1, ''), (3, '!three', '12', 1, '')`);
    await test.database.pool.query('insert into forward_extremities values (1, 7), (2, 9), (2, 8)');
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    const { rows } = await test.database.pool.query('select extremities::text from rooms order by room_nid');
    assert.deepEqual(rows, [{ extremities: '{7}' }, { extremities: '{8,9}' }, { extremities: '{}' }]);
  });

  it('keep what users are notified of, and what they have read (0022)', async () => {
    await using test = await createTestDatabase({ migrated: false });
    const { db, pool } = test.database;
    await migrateUpTo(test.database, 21);
    await pool.query(`
      insert into rooms (room_nid, room_id, room_version, version, state_root, extremities)
      values (1, '!one', '12', 1, '', '{}'), (2, '!two', '12', 1, '', '{}')`);
    // Users at both sides of a bucket's border. In room 1, 31 has read a thread and 32 everything; 33 has other actions.
    await pool.query(`
      insert into notifications
        (user_nid, position, room_nid, event_nid, thread_id, is_highlight, is_read, actions, created_ts)
      values
        (31, 1, 1, 1, 'main', false, true, '["notify"]', 5), (32, 1, 1, 1, 'main', false, true, '["notify"]', 5),
        (31, 2, 1, 2, 'main', false, false, '["notify"]', 5), (32, 2, 1, 2, 'main', false, true, '["notify"]', 5),
        (30, 2, 1, 2, 'main', false, false, '["notify"]', 5), (33, 2, 1, 2, 'main', true, false, '["notify",{}]', 5),
        (31, 3, 1, 3, '$t', false, true, '["notify"]', 5), (32, 3, 1, 3, '$t', false, true, '["notify"]', 5),
        (31, 4, 1, 4, '$t', false, false, '["notify"]', 5),
        (31, 5, 2, 5, 'main', false, false, '["notify"]', 5)`);
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    const { rows } = await pool.query(
      'select array[user_bucket, position, outcome, users]::text as row from notifications where position = 2 order by 1',
    );
    assert.deepEqual(rows, [{ row: '{0,2,0,3221225472}' }, { row: '{1,2,0,2}' }, { row: '{1,2,1,1}' }]);
    const page = { before: undefined, limit: 9, highlightsOnly: false };
    const readBy = async (userNid: number): Promise<unknown[]> =>
      (await listNotifications(db, userNid, page)).map((one) => [one.position, one.isRead]);
    assert.deepEqual(await readBy(31), [
      [5, false],
      [4, false],
      [3, true],
      [2, false],
      [1, true],
    ]);
    assert.deepEqual(await readBy(32), [
      [3, true],
      [2, true],
      [1, true],
    ]);
    assert.deepEqual(await readBy(33), [[2, false]]);
    const unread = { roomNid: 1, notifications: 1, highlights: 0 };
    const counts = await countUnread(db, 31, [1], 9);
    assert.deepEqual(
      new Set(counts),
      new Set([
        { ...unread, threadId: 'main' },
        { ...unread, threadId: '$t' },
      ]),
    );
    assert.deepEqual(await countUnread(db, 32, [1], 9), []);
    assert.deepEqual(await countUnread(db, 33, [1], 9), [{ ...unread, threadId: 'main', highlights: 1 }]);
    const marks = await pool.query(
      'select array[user_nid::text, thread_id, position::text] as row from read_marks order by 1',
    );
    assert.deepEqual(
      marks.rows.map(({ row }) => row),
      [
        ['30', '', '1'],
        ['31', '', '1'],
        ['31', '', '4'],
        ['31', '$t', '3'],
        ['32', '', '3'],
        ['33', '', '1'],
      ],
    );
  });

  it('keep the answers to requests, with the event that was sent where there is one (0024)', async () => {
    await using test = await createTestDatabase({ migrated: false });
    const { db, pool } = test.database;
    await migrateUpTo(test.database, 23);
    await pool.query(`
      insert into users (user_nid, user_id) overriding system value values (1, '@a:x');
      insert into accounts (user_nid, is_guest, is_admin, created_ts) values (1, false, false, 0);
      insert into devices (user_nid, device_id, created_ts) values (1, 'D', 0);
      insert into sessions (session_nid, user_nid, device_id, created_ts) overriding system value values (7, 1, 'D', 0);
      insert into events
        (event_nid, event_id, room_nid, status, depth, origin_server_ts, sender_nid, type, json, session_nid, txn_id)
      values
        (1, '$sent', 1, 0, 1, 0, 1, 'm.room.message', '{}', 7, 't'),
        (2, '$bridged', 1, 0, 1, 0, 1, 'm.room.message', '{}', -1, 't')`);
    const responses: Readonly<Record<string, object>> = {
      'send/sent': { event_id: '$sent' },
      'send/bridged': { event_id: '$bridged' },
      'send/pretended': { event_id: '$never' },
      delayed: { delay_id: 'd', event_id: '$sent' },
      toDevice: {},
    };
    const keyOf = (endpoint: string) => ({ userNid: 1, deviceId: deviceId('D'), endpoint, txnId: 't' });
    for (const [endpoint, response] of Object.entries(responses)) {
      await pool.query(`insert into client_transactions values (1, 'D', $1, 0, decode($2, 'hex'))`, [
        JSON.stringify(response),
        hashRequest(keyOf(endpoint)),
      ]);
    }
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    for (const [endpoint, response] of Object.entries(responses))
      assert.deepEqual(await findTransactionResponse(db, keyOf(endpoint)), response);
    assert.equal(await findTransactionResponse(db, keyOf('send/other')), undefined);
    const { rows } = await pool.query('select count(*) from client_transactions');
    assert.deepEqual(rows, [{ count: 4 }]);
  });

  it('keep events, each of them once (0026)', async () => {
    await using test = await createTestDatabase({ migrated: false });
    const { db, pool } = test.database;
    await migrateUpTo(test.database, 24);
    await pool.query(`
      insert into users (user_nid, user_id) overriding system value values (1, '@a:x');
      insert into accounts (user_nid, is_guest, is_admin, created_ts) values (1, false, false, 0);
      insert into rooms (room_nid, room_id, room_version, version, state_root, extremities)
      values (3, '!a', '12', 1, '', '{}');
      insert into events
        (event_nid, event_id, room_nid, position, status, depth, origin_server_ts, sender_nid, type, state_key_nid,
         state_before, state_after, replaces_nid, redacted_by_nid, redacts, session_nid, txn_id, delay_id, rejection,
         json, request)
      values
        (1, '$one', 3, 2, 0, 4, 5, 1, 'type', 7, '\\x08', '\\x09', 10, 11, '$redacted', 12, 'txn', 'delay', 'why',
         '{"body":"Grüße\\u0000"}', 13),
        (2, '$two', 3, null, 3, 4, 5, 1, 'other', null, null, null, null, null, null, null, null, null, null, '{}', null);
      insert into thread_subscriptions values (1, 1, true, false, 2)`);
    const whole = `select to_jsonb(e) - 'json' || jsonb_build_object('json', JSON) as event from events e order by event_nid`;
    const before = await pool.query(whole.replace('JSON', 'json'));
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    const after = await pool.query(whole.replace('JSON', 'event_json(json)'));
    assert.equal(after.rows.length, 2);
    assert.deepEqual(after.rows, before.rows);
    const [one] = await listEventsByNid(db, [1]);
    assert.equal(one?.json, '{"body":"Grüße\\u0000"}');
    const again = `insert into events (event_nid, event_id, room_nid, depth, origin_server_ts, sender_nid, status, type, json)
      values (9, '$two', 3, 4, 5, 1, 0, 'other', '{}')`;
    await assert.rejects(pool.query(again), /events_by_id/);
    await assert.rejects(pool.query('delete from events where event_nid = 1'), /thread_subscriptions/);
  });

  it('keep what messages are found by, with its rank (0027)', async () => {
    await using test = await createTestDatabase({ migrated: false });
    const { db, pool } = test.database;
    await migrateUpTo(test.database, 26);
    // The third edits the first.
    await pool.query(`
      insert into events (event_nid, event_id, room_nid, position, status, depth, origin_server_ts, sender_nid, type, json)
      select nid, '$' || nid, case nid when 12 then 4 else 3 end, place, 0, 1, 0, case nid when 12 then 6 else 5 end,
        'm.room.message', '{}'
      from unnest(array[11, 12, 13, 14, 15], array[101, 102, 103, -7, 105]) as e (nid, place);
      insert into searchable_texts values
        (11, 11, 3, 5, 101, 'content.body', $$'#3' needle:1,4 'in the':3 hay:2 '!!':5$$),
        (12, 12, 4, 6, 102, 'content.topic', $$'#4' hay:1 needle:2$$),
        (13, 11, 3, 5, 101, 'content.body', $$'#3' 'ﷺ':1 needle:2$$),
        (14, 14, 3, 5, -7, 'content.name', $$'#3' needle:1$$),
        (15, 15, 3, 5, 105, 'content.body', $$'#3'$$)`);
    const { rows: before } = await pool.query<{ event_nid: number; shown_nid: number; rank: number }>(`
      select event_nid, shown_nid, ts_rank_cd(vector, 'needle', 1)::float8 as rank
      from searchable_texts where vector @@ 'needle' order by rank desc, position, event_nid`);
    await migrate(test.database, MIGRATIONS_DIRECTORY, log);
    const find = (fits: string, criteria: Partial<HitQuery> = {}): Promise<readonly Hit[]> => {
      const all = { roomNids: [3, 4], senderNids: undefined, keys: SEARCH_KEYS, order: 'rank' } as const;
      return listHits(db, { ...all, ...criteria, fits, ranks: fits }, undefined, 100);
    };
    const nidsOf = (hits: readonly Hit[]): readonly number[] => hits.map((hit) => hit.eventNid);
    const after = await find('needle');
    assert.deepEqual(
      after.map((hit) => [hit.eventNid, hit.shownNid, hit.rank]),
      before.map((row) => [row.event_nid, row.shown_nid, row.rank]),
    );
    assert.equal((await pool.query('select from searchable_texts')).rowCount, 4);
    assert.deepEqual(nidsOf(await find('needle', { order: 'recent' })), [12, 13, 11, 14]);
    assert.deepEqual(nidsOf(await find('needle', { roomNids: [4] })), [12]);
    assert.deepEqual(nidsOf(await find('needle', { senderNids: [6] })), [12]);
    assert.deepEqual(nidsOf(await find('needle', { keys: ['content.name'] })), [14]);
    assert.deepEqual(nidsOf(await find("needle <-> hay <-> 'in the' <-> needle")), [11]);
    assert.deepEqual(nidsOf(await find('ﷺ <-> needle')), [13]);
  });
});
