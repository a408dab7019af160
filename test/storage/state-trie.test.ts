import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EMPTY_STATE, type EncodedNode, type StateRoot } from '../../src/storage/state-node.ts';
import { StateTrie } from '../../src/storage/state-trie.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

type Changes = Map<number, number | undefined>;

describe('the state trie', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
  });
  after(() => database[Symbol.asyncDispose]());

  async function store(nodes: readonly EncodedNode[]): Promise<void> {
    await database.database.pool.query(
      "insert into state_nodes (hash, body) select decode(h, 'hex'), b from unnest($1::text[], $2::bytea[]) as n (h, b) on conflict do nothing",
      [nodes.map((node) => node.root), nodes.map((node) => node.body)],
    );
  }

  async function build(trie: StateTrie, batches: readonly Changes[]): Promise<StateRoot> {
    let root = EMPTY_STATE;
    for (const changes of batches) {
      const next = await trie.apply(root, changes);
      await store(next.nodes);
      root = next.root;
    }
    return root;
  }

  function plain(batches: readonly Changes[]): Map<number, number> {
    const state = new Map<number, number>();
    for (const changes of batches) {
      for (const [key, event] of changes) {
        if (event === undefined) state.delete(key);
        else state.set(key, event);
      }
    }
    return state;
  }

  const sorted = (state: ReadonlyMap<number, number>): [number, number][] =>
    [...state].toSorted(([a], [b]) => a - b);

  const changes = fc
    .array(
      fc.tuple(
        fc.integer({ min: 1, max: 300 }),
        fc.option(fc.integer({ min: 1, max: 2 ** 40 }), { nil: undefined }),
      ),
      {
        maxLength: 120,
      },
    )
    .map((entries): Changes => new Map(entries));
  const history = fc.array(changes, { maxLength: 6 });

  it('holds what was put into it, also when it is read afresh from the database', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (batches) => {
        const root = await build(new StateTrie(database.database.db), batches);
        const fresh = new StateTrie(database.database.db);
        const expected = plain(batches);
        assert.deepEqual(sorted(await fresh.listEntries(root)), sorted(expected));
        const keys = Array.from({ length: 40 }, (_, n) => n * 8);
        const found = await fresh.findEntries(root, keys);
        assert.deepEqual(sorted(found), sorted(new Map([...expected].filter(([key]) => keys.includes(key)))));
      }),
      { numRuns: 60 },
    );
  });

  it('gives equal states equal roots, whatever way they came about', async () => {
    const trie = new StateTrie(database.database.db);
    await fc.assert(
      fc.asyncProperty(history, async (batches) => {
        const root = await build(trie, batches);
        assert.equal(await build(trie, [new Map(plain(batches))]), root);
      }),
      { numRuns: 60 },
    );
  });

  it('knows the empty state however much was looked at since', async () => {
    const trie = new StateTrie(database.database.db, { mostAtHand: 100 });
    const filled = await build(trie, [new Map(Array.from({ length: 2_000 }, (_, n) => [n, n] as const))]);
    assert.equal((await trie.listEntries(filled)).size, 2_000);
    const fresh = await build(trie, [new Map([[1, 2]])]);
    assert.deepEqual(await trie.listEntries(fresh), new Map([[1, 2]]));
  });

  it('finds the differences of two states', async () => {
    const trie = new StateTrie(database.database.db);
    await fc.assert(
      fc.asyncProperty(history, history, async (first, second) => {
        const before = await build(trie, first);
        const after = await build(trie, [...first, ...second]);
        const [old, fresh] = [plain(first), plain([...first, ...second])];
        const expected = [...new Set([...old.keys(), ...fresh.keys()])]
          .filter((key) => old.get(key) !== fresh.get(key))
          .toSorted((a, b) => a - b)
          .map((key) => ({ stateKeyNid: key, before: old.get(key), after: fresh.get(key) }));
        const found = await trie.listDifferences(before, after);
        assert.deepEqual(
          found.toSorted((a, b) => a.stateKeyNid - b.stateKeyNid),
          expected,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('writes a short path for one change among five thousand', async () => {
    const trie = new StateTrie(database.database.db);
    const root = await build(trie, [new Map(Array.from({ length: 5_000 }, (_, n) => [n + 1, n + 1]))]);
    const { nodes } = await trie.apply(root, new Map([[777, 99_999]]));
    const bytes = nodes.reduce((sum, node) => sum + node.body.length, 0);
    assert.ok(nodes.length <= 4, `${nodes.length} nodes`);
    assert.ok(bytes < 1_000, `${bytes} bytes`);
  });
});
