import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import fc from 'fast-check';
import {
  decodeNode,
  EMPTY_STATE,
  type EncodedNode,
  type StateBranch,
  type StateRoot,
} from '../../src/storage/state-node.ts';
import { StateTrie } from '../../src/storage/state-trie.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

type Changes = Map<number, number | undefined>;

/** The nodes, children first, as they were once written: with names of 16 bytes. By the names that they have now. */
function withLongNames(nodes: readonly EncodedNode[]): Map<StateRoot, EncodedNode> {
  const long = new Map<StateRoot, EncodedNode>();
  for (const { root, body } of nodes) {
    const node = decodeNode(body);
    const old = node.kind === 'leaf' ? body : encodeOldBranch(node, (name) => long.get(name)?.root ?? '');
    long.set(root, { root: hash('sha256', old, 'hex').slice(0, 32) as StateRoot, body: old });
  }
  return long;
}

function encodeOldBranch({ count, children }: StateBranch, nameOf: (name: StateRoot) => string): Buffer {
  const bitmap = children.reduce(
    (bits, child, index) => (child === undefined ? bits : bits | (1 << index)),
    0,
  );
  const varint = count < 128 ? [count] : [(count % 128) | 128, Math.floor(count / 128)];
  return Buffer.concat([
    Buffer.from([1, ...varint, bitmap & 255, bitmap >>> 8]),
    ...children.map((child) => Buffer.from(child === undefined ? '' : nameOf(child), 'hex')),
  ]);
}

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

  async function build(trie: StateTrie, batches: readonly Changes[], from = EMPTY_STATE): Promise<StateRoot> {
    let root = from;
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

  it('goes on from nodes that were written when names were longer', async () => {
    const entries = new Map(Array.from({ length: 2_000 }, (_, n) => [3 * n, n] as const));
    const { root, nodes } = await new StateTrie(database.database.db).apply(EMPTY_STATE, entries);
    const old = withLongNames(nodes);
    await store([...old.values()]);
    const oldRoot = old.get(root)?.root;
    assert.ok(oldRoot !== undefined && oldRoot.length === 32);
    const trie = new StateTrie(database.database.db);
    assert.deepEqual(sorted(await trie.listEntries(oldRoot)), sorted(entries));
    assert.deepEqual(await trie.findEntries(oldRoot, [300, 301]), new Map([[300, 100]]));
    const changed = await build(trie, [new Map([[300, 7]])], oldRoot);
    const fresh = new StateTrie(database.database.db);
    assert.deepEqual(sorted(await fresh.listEntries(changed)), sorted(new Map([...entries, [300, 7]])));
    assert.deepEqual(await fresh.listDifferences(oldRoot, changed), [
      { stateKeyNid: 300, before: 100, after: 7 },
    ]);
    await store(nodes);
    assert.deepEqual(await fresh.listDifferences(oldRoot, root), []);
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
