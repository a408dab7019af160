import type { Disposal } from '../src/util/disposal.ts';
import type { Accounts } from './accounts.ts';
import type { BenchClient } from './client.ts';
import type { UsageTotal } from './usage.ts';
import type { SpawnedServer } from './spawned-server.ts';

/** What the measurements of one run share. */
export interface Bench {
  readonly client: BenchClient;
  readonly baseUrl: string;
  readonly accounts: Accounts;
  readonly roundMs: number;
  /** Aborted when the run is to end early: then nothing new is begun. */
  readonly signal: AbortSignal;
  /** Ends at the end of the run what it should not leave behind. */
  readonly after: Disposal;
  /** The server under test, when it is one of ours. */
  readonly server: SpawnedServer | undefined;
  /** Starts another server, with a fresh database. Rejects when none may be started. */
  readonly spawn: () => Promise<SpawnedServer>;
  /** What the server's processes have used so far; undefined when they are not known. */
  readonly usage: () => UsageTotal | undefined;
  /** A size, made smaller for a short run: at least 1. */
  readonly scaled: (size: number) => number;
}
