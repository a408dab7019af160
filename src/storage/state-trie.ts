import { sql } from 'kysely';
import { CountedCache, type CacheUse } from '../util/counted-cache.ts';
import { readTogether } from './together.ts';
import type { Db } from './database.ts';
import {
  childIndex,
  decodeNode,
  DEEPEST_LEVEL,
  EMPTY_STATE,
  encodeNode,
  LEAF_LIMIT,
  stateRootOf,
  type EncodedNode,
  type StateEntry,
  type StateNode,
  type StateRoot,
} from './state-node.ts';

export interface StateNodeTable {
  readonly hash: Buffer;
  readonly body: Buffer;
}

export interface StateNodeTables {
  state_nodes: StateNodeTable;
}

/** New values of slots by interned state key; undefined empties the slot. */
export type StateChanges = ReadonlyMap<number, number | undefined>;

/** A slot in which two states differ. */
export interface StateDifference {
  readonly stateKeyNid: number;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Entries of leaves and children of branches: about 60 MB. */
const MOST_AT_HAND = 600_000;
const EMPTY_LEAF: StateNode = { kind: 'leaf', entries: [] };

/**
 * Room states, content-addressed: reads load only the nodes on their way, a change makes one short path.
 * Nodes never change, so the cache needs no invalidation.
 */
export class StateTrie {
  readonly #db: Db;
  readonly #cache: CountedCache<StateRoot, StateNode>;

  /** `mostAtHand`: how many entries and children the nodes that are kept in memory have together. */
  constructor(db: Db, { mostAtHand = MOST_AT_HAND }: { readonly mostAtHand?: number } = {}) {
    this.#db = db;
    this.#cache = new CountedCache({
      maxSize: mostAtHand,
      sizeCalculation: (node) => 1 + (node.kind === 'leaf' ? node.entries.length : node.children.length),
    });
  }

  get cacheUse(): CacheUse {
    return this.#cache.use;
  }

  /** The events in the given slots of a state; empty slots are left out. */
  async findEntries(root: StateRoot, stateKeyNids: readonly number[]): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    let waiting = new Map<StateRoot, readonly number[]>([[root, stateKeyNids]]);
    for (let level = 0; waiting.size > 0; level += 1) {
      const nodes = await this.#load([...waiting.keys()]);
      const next = new Map<StateRoot, number[]>();
      for (const [name, keys] of waiting) {
        const node = nodes(name);
        for (const key of keys) {
          if (node.kind === 'leaf') {
            const entry = node.entries.find((candidate) => candidate.stateKeyNid === key);
            if (entry !== undefined) found.set(key, entry.eventNid);
            continue;
          }
          const child = node.children[childIndex(key, level)];
          if (child !== undefined) next.set(child, [...(next.get(child) ?? []), key]);
        }
      }
      waiting = next;
    }
    return found;
  }

  /** The whole state: event by interned state key. */
  async listEntries(root: StateRoot): Promise<Map<number, number>> {
    const entries = new Map<number, number>();
    let names: readonly StateRoot[] = [root];
    while (names.length > 0) {
      const nodes = await this.#load(names);
      const next: StateRoot[] = [];
      for (const name of names) {
        const node = nodes(name);
        if (node.kind === 'leaf')
          for (const entry of node.entries) entries.set(entry.stateKeyNid, entry.eventNid);
        else next.push(...node.children.filter((child) => child !== undefined));
      }
      names = next;
    }
    return entries;
  }

  /** Where two states differ. Equal subtrees are not even loaded. */
  async listDifferences(before: StateRoot, after: StateRoot): Promise<StateDifference[]> {
    const olds = new Map<number, number>();
    const news = new Map<number, number>();
    await this.#collectUnequal(before, after, olds, news);
    const keys = new Set([...olds.keys(), ...news.keys()]);
    return [...keys]
      .map((stateKeyNid) => ({ stateKeyNid, before: olds.get(stateKeyNid), after: news.get(stateKeyNid) }))
      .filter((difference) => difference.before !== difference.after);
  }

  /**
   * The state that `changes` make of `root`. The new nodes are returned for the commit to write; they can be
   * read through this trie at once.
   */
  async apply(
    root: StateRoot,
    changes: StateChanges,
  ): Promise<{ root: StateRoot; nodes: readonly EncodedNode[] }> {
    const made: EncodedNode[] = [];
    if (changes.size === 0) return { root, nodes: made };
    const result = await this.#applyTo(root, 0, [...changes], made);
    return { root: result, nodes: made };
  }

  async #collectUnequal(
    before: StateRoot | undefined,
    after: StateRoot | undefined,
    olds: Map<number, number>,
    news: Map<number, number>,
  ): Promise<void> {
    if (before === after) return;
    const names = [before, after].filter((name) => name !== undefined);
    const nodes = await this.#load(names);
    const old = before === undefined ? undefined : nodes(before);
    const fresh = after === undefined ? undefined : nodes(after);
    if (old?.kind === 'branch' && fresh?.kind === 'branch') {
      for (let index = 0; index < 16; index += 1) {
        await this.#collectUnequal(old.children[index], fresh.children[index], olds, news);
      }
      return;
    }
    if (before !== undefined) for (const [key, event] of await this.listEntries(before)) olds.set(key, event);
    if (after !== undefined) for (const [key, event] of await this.listEntries(after)) news.set(key, event);
  }

  async #applyTo(
    name: StateRoot,
    level: number,
    changes: readonly (readonly [number, number | undefined])[],
    made: EncodedNode[],
  ): Promise<StateRoot> {
    const node = (await this.#load([name]))(name);
    if (node.kind === 'leaf') return this.#build(mergeEntries(node.entries, changes), level, made);
    const children = [...node.children];
    let count = node.count;
    for (let index = 0; index < 16; index += 1) {
      const mine = changes.filter(([key]) => childIndex(key, level) === index);
      if (mine.length === 0) continue;
      const child = children[index] ?? EMPTY_STATE;
      const next = await this.#applyTo(child, level + 1, mine, made);
      children[index] = next === EMPTY_STATE ? undefined : next;
      const nodes = await this.#load([child, next]);
      count += sizeOf(nodes(next)) - sizeOf(nodes(child));
    }
    if (count > LEAF_LIMIT) return this.#keep({ kind: 'branch', count, children }, made);
    const gathered: StateEntry[] = [];
    for (const child of children) {
      if (child === undefined) continue;
      for (const [stateKeyNid, eventNid] of await this.listEntries(child))
        gathered.push({ stateKeyNid, eventNid });
    }
    return this.#build(gathered.toSorted(byStateKey), level, made);
  }

  /** Builds the node for sorted entries, splitting what is too large for a leaf. */
  #build(entries: readonly StateEntry[], level: number, made: EncodedNode[]): StateRoot {
    if (entries.length <= LEAF_LIMIT || level === DEEPEST_LEVEL)
      return this.#keep({ kind: 'leaf', entries }, made);
    const children: (StateRoot | undefined)[] = [];
    for (let index = 0; index < 16; index += 1) {
      const mine = entries.filter((entry) => childIndex(entry.stateKeyNid, level) === index);
      children.push(mine.length === 0 ? undefined : this.#build(mine, level + 1, made));
    }
    return this.#keep({ kind: 'branch', count: entries.length, children }, made);
  }

  #keep(node: StateNode, made: EncodedNode[]): StateRoot {
    const encoded = encodeNode(node);
    if (encoded.root !== EMPTY_STATE) made.push(encoded);
    this.#cache.set(encoded.root, node);
    return encoded.root;
  }

  /** Loads nodes through the cache; the answer looks one up by name. */
  async #load(names: readonly StateRoot[]): Promise<(name: StateRoot) => StateNode> {
    const nodes = new Map<StateRoot, StateNode>();
    const missing: StateRoot[] = [];
    for (const name of names) {
      // The empty state is not stored.
      const node = name === EMPTY_STATE ? EMPTY_LEAF : this.#cache.get(name);
      if (node === undefined) missing.push(name);
      else nodes.set(name, node);
    }
    if (missing.length > 0) {
      for (const [name, node] of await readNodes(this.#db, missing)) {
        nodes.set(name, node);
        this.#cache.set(name, node);
      }
    }
    return (name) => {
      const node = nodes.get(name);
      if (node === undefined) throw new Error(`state node ${name} is missing`);
      return node;
    };
  }
}

const readNodes = readTogether(async (db, calls: readonly (readonly StateRoot[])[]) => {
  const wanted = [...new Set(calls.flat())];
  const { rows } = await sql<StateNodeTable>`
    select hash, body from state_nodes
    where hash = any(select decode(name, 'hex') from unnest(${wanted}::text[]) as name)`.execute(db);
  const nodes = new Map(rows.map((row) => [stateRootOf(row.hash), decodeNode(row.body)]));
  return calls.map((names) =>
    names.flatMap((name): [StateRoot, StateNode][] => {
      const node = nodes.get(name);
      return node === undefined ? [] : [[name, node]];
    }),
  );
});

function sizeOf(node: StateNode): number {
  return node.kind === 'leaf' ? node.entries.length : node.count;
}

function byStateKey(a: StateEntry, b: StateEntry): number {
  return a.stateKeyNid - b.stateKeyNid;
}

function mergeEntries(
  entries: readonly StateEntry[],
  changes: readonly (readonly [number, number | undefined])[],
): StateEntry[] {
  // What stays as it was is shared with the node before: most versions of a leaf differ in one entry.
  const merged = new Map(entries.map((entry) => [entry.stateKeyNid, entry]));
  for (const [stateKeyNid, eventNid] of changes) {
    if (eventNid === undefined) merged.delete(stateKeyNid);
    else merged.set(stateKeyNid, { stateKeyNid, eventNid });
  }
  return [...merged.values()].toSorted(byStateKey);
}
