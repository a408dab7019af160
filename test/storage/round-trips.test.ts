import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Tx } from '../../src/storage/database.ts';
import { inTwoRoundTrips } from '../../src/storage/round-trips.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('a transaction in two round trips', () => {
  let test: TestDatabase;
  before(async () => {
    test = await createTestDatabase({ connections: 1 });
    await test.database.pool.query('create table numbers (number integer primary key)');
  });
  after(() => test[Symbol.asyncDispose]());
  beforeEach(() => test.database.pool.query('truncate numbers'));

  const insert = (tx: Tx, number: number): Promise<unknown> =>
    sql`insert into numbers values (${number})`.execute(tx);
  const list = async (): Promise<number[]> => {
    const { rows } = await test.database.pool.query<{ number: number }>(
      'select number from numbers order by 1',
    );
    return rows.map((row) => row.number);
  };
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);

  it('does in order what it sends, and keeps it', async () => {
    const counted = await inTwoRoundTrips(
      test.database,
      async (tx) => {
        const [, , { rows }] = await Promise.all([
          insert(tx, 1),
          insert(tx, 2),
          sql<{ count: number }>`select count(*) from numbers`.execute(tx),
        ]);
        return rows[0]?.count;
      },
      (found) => Promise.resolve((tx) => insert(tx, 10 + (found ?? 0)).then(() => found)),
    );
    assert.equal(counted, 2);
    assert.deepEqual(await list(), [1, 2, 12]);
  });

  it('leaves nothing when a statement fails, wherever that is, and the next one has a connection', async () => {
    const twice = { code: '23505' };
    const insertTwice = (tx: Tx): Promise<unknown> =>
      Promise.all([insert(tx, 1), insert(tx, 1), insert(tx, 2)]);
    const keep = () => Promise.resolve((tx: Tx) => insert(tx, 3));
    await assert.rejects(inTwoRoundTrips(test.database, insertTwice, keep), twice);
    await assert.rejects(
      inTwoRoundTrips(
        test.database,
        (tx) => insert(tx, 3),
        () => Promise.resolve(insertTwice),
      ),
      twice,
    );
    assert.deepEqual(await list(), []);
  });

  it('leaves nothing when nobody can decide', async () => {
    const undecided = inTwoRoundTrips(
      test.database,
      (tx) => insert(tx, 1),
      () => Promise.reject(new Error('undecided')),
    );
    await assert.rejects(undecided, /undecided/);
    assert.deepEqual(await list(), []);
  });

  it('takes no statement behind its commit', async () => {
    const late = inTwoRoundTrips(test.database, nothing, () =>
      Promise.resolve(async (tx: Tx) => {
        await insert(tx, 1);
        await insert(tx, 2);
      }),
    );
    await assert.rejects(late, /after the commit/);
  });
});
