import { hash } from 'node:crypto';
import type { Brand } from '../util/brand.ts';

/**
 * The name of a state node, and so of the whole state below it: the first 12 bytes of the SHA-256 of its body, in hex. Nodes that
 * were written long ago have names of 16 bytes, and so has the empty state.
 */
export type StateRoot = Brand<string, 'StateRoot'>;

/** One slot of a state: interned (type, state_key) and the event that holds it. */
export interface StateEntry {
  readonly stateKeyNid: number;
  readonly eventNid: number;
}

/**
 * A state is a trie keyed by a mix of the interned state key, four bits a level.
 *
 * ```
 *            Branch(count)            a node is a Leaf exactly when it holds at most LEAF_LIMIT entries,
 *           /   |   …   \             so equal states have equal shapes and equal hashes
 *        Leaf  Branch   Leaf          entries of a Leaf are sorted by state key
 * ```
 */
export type StateNode = StateLeaf | StateBranch;
export interface StateLeaf {
  readonly kind: 'leaf';
  readonly entries: readonly StateEntry[];
}
export interface StateBranch {
  readonly kind: 'branch';
  /** How many entries are below. */
  readonly count: number;
  /** Sixteen children; undefined where nothing is below. */
  readonly children: readonly (StateRoot | undefined)[];
}

export const LEAF_LIMIT = 32;
export const DEEPEST_LEVEL = 8;
const NAME_BYTES = 12;
const LONG_NAME_BYTES = 16;
const LEAF_TAG = 0;
/** Of a branch whose children all have long names. */
const OLD_BRANCH_TAG = 1;
const BRANCH_TAG = 2;

/** A node as it is stored. */
export interface EncodedNode {
  readonly root: StateRoot;
  readonly body: Buffer;
}

/** The stored form of a node and its name. */
export function encodeNode(node: StateNode): EncodedNode {
  const body = node.kind === 'leaf' ? encodeLeaf(node) : encodeBranch(node);
  return { root: nameOf(body, isEmpty(node) ? LONG_NAME_BYTES : NAME_BYTES), body };
}

function isEmpty(node: StateNode): boolean {
  return node.kind === 'leaf' && node.entries.length === 0;
}

function nameOf(body: Buffer, bytes: number): StateRoot {
  return hash('sha256', body, 'buffer').toString('hex', 0, bytes) as StateRoot;
}

/** The node in a stored body. */
export function decodeNode(body: Buffer): StateNode {
  return body[0] === LEAF_TAG ? decodeLeaf(body) : decodeBranch(body);
}

/** The root of a state as it comes from a bytea column. */
export function stateRootOf(column: Buffer): StateRoot {
  return column.toString('hex') as StateRoot;
}

/** The root of the state without entries. */
export const EMPTY_STATE: StateRoot = encodeNode({ kind: 'leaf', entries: [] }).root;

/** The child of a branch at `level` (0 is the root) under which a state key lies: 0 to 15. */
export function childIndex(stateKeyNid: number, level: number): number {
  return (mix(stateKeyNid) >>> (28 - 4 * level)) & 15;
}

/** Spreads neighbouring numbers over all 32 bits (the finaliser of MurmurHash3). */
function mix(nid: number): number {
  let h = (nid ^ Math.floor(nid / 2 ** 32)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function encodeLeaf(leaf: StateLeaf): Buffer {
  const bytes: number[] = [LEAF_TAG];
  let previous = 0;
  for (const { stateKeyNid, eventNid } of leaf.entries) {
    writeVarint(bytes, stateKeyNid - previous);
    writeVarint(bytes, eventNid);
    previous = stateKeyNid;
  }
  return Buffer.from(bytes);
}

function decodeLeaf(body: Buffer): StateLeaf {
  const entries: StateEntry[] = [];
  const reader = { body, at: 1 };
  let stateKeyNid = 0;
  while (reader.at < body.length) {
    stateKeyNid += readVarint(reader);
    entries.push({ stateKeyNid, eventNid: readVarint(reader) });
  }
  return { kind: 'leaf', entries };
}

function encodeBranch(branch: StateBranch): Buffer {
  const bytes: number[] = [BRANCH_TAG];
  writeVarint(bytes, branch.count);
  let [present, long] = [0, 0];
  branch.children.forEach((child, index) => {
    if (child !== undefined) present |= 1 << index;
    if (child?.length === 2 * LONG_NAME_BYTES) long |= 1 << index;
  });
  bytes.push(present & 0xff, present >>> 8, long & 0xff, long >>> 8);
  const hashes = branch.children
    .filter((child) => child !== undefined)
    .map((child) => Buffer.from(child, 'hex'));
  return Buffer.concat([Buffer.from(bytes), ...hashes]);
}

function decodeBranch(body: Buffer): StateBranch {
  const reader = { body, at: 1 };
  const count = readVarint(reader);
  const present = body.readUInt16LE(reader.at);
  const isOld = body[0] === OLD_BRANCH_TAG;
  const long = isOld ? present : body.readUInt16LE(reader.at + 2);
  let at = reader.at + (isOld ? 2 : 4);
  const children: (StateRoot | undefined)[] = [];
  for (let index = 0; index < 16; index += 1) {
    const end = at + ((long & (1 << index)) === 0 ? NAME_BYTES : LONG_NAME_BYTES);
    const isPresent = (present & (1 << index)) !== 0;
    children.push(isPresent ? stateRootOf(body.subarray(at, end)) : undefined);
    if (isPresent) at = end;
  }
  return { kind: 'branch', count, children };
}

function writeVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

function readVarint(reader: { readonly body: Buffer; at: number }): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = reader.body[reader.at];
    if (byte === undefined) throw new Error('a state node ends in the middle of a number');
    reader.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
}
