import { readdirSync, readFileSync } from 'node:fs';

/** What some processes have used, and use now. */
export interface Usage {
  readonly cpuMs: number;
  /** Memory that is theirs alone and their share of what they share (PSS); resident memory where that is not told. */
  readonly memoryBytes: number;
}

/** The processes of a server, without and with those of its database. */
export interface UsageTotal {
  readonly server: Usage;
  readonly database: Usage;
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly isPostgres: boolean;
  readonly cpuMs: number;
}

const TICK_MS = 10;
const PAGE_BYTES = 4096;

/**
 * What the tree of processes under `rootPid` has used, from /proc; the database's are those named postgres. A tree
 * without one has its database elsewhere: then all that this machine runs under that name are counted as the database.
 * Undefined where there is no such process or no /proc.
 */
export function readUsage(rootPid: number): UsageTotal | undefined {
  const all = listProcesses();
  const tree = treeOf(all, rootPid);
  if (tree.length === 0) return undefined;
  const inTree = tree.filter((entry) => entry.isPostgres);
  const database = inTree.length > 0 ? inTree : all.filter((entry) => entry.isPostgres);
  return { server: sum(tree.filter((entry) => !entry.isPostgres)), database: sum(database) };
}

function treeOf(all: readonly ProcessEntry[], rootPid: number): readonly ProcessEntry[] {
  const inTree = new Set([rootPid]);
  for (let before = 0; before < inTree.size;) {
    before = inTree.size;
    for (const { pid, parent } of all) if (inTree.has(parent)) inTree.add(pid);
  }
  return all.filter(({ pid }) => inTree.has(pid));
}

function sum(entries: readonly ProcessEntry[]): Usage {
  return {
    cpuMs: entries.reduce((total, { cpuMs }) => total + cpuMs, 0),
    memoryBytes: entries.reduce((total, { pid }) => total + readMemory(pid), 0),
  };
}

function listProcesses(): ProcessEntry[] {
  return readdirOrNone('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readOrUndefined(`/proc/${name}/stat`) : undefined;
    const entry = stat === undefined ? undefined : parseStat(stat);
    return entry === undefined ? [] : [entry];
  });
}

/** The line of /proc/PID/stat; the name in it may hold spaces and brackets. */
function parseStat(text: string): ProcessEntry | undefined {
  const [, pid, name, rest] = /^(\d+) \((.*)\) (.*)/s.exec(text) ?? [];
  if (pid === undefined || name === undefined || rest === undefined) return undefined;
  const fields = rest.split(' ');
  // utime and stime, and the same of its children that have ended.
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return {
    pid: Number(pid),
    parent: Number(fields[1]),
    isPostgres: name.startsWith('postgres'),
    cpuMs: ticks * TICK_MS,
  };
}

function readMemory(pid: number): number {
  const rollup = readOrUndefined(`/proc/${pid}/smaps_rollup`);
  const kilobytes = rollup === undefined ? undefined : /^Pss: +(\d+) kB/m.exec(rollup)?.[1];
  if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  return Number(readOrUndefined(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE_BYTES;
}

function readdirOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A process may end while it is looked at, or belong to somebody else. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
