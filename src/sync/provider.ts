import type { Filter } from '../matrix/filters.ts';
import type { DeviceId, RoomId } from '../matrix/identifiers.ts';
import type { PredefinedRules } from '../matrix/push-rules/default-rules.ts';
import type { Viewer } from '../rooms/client-events.ts';
import type { TimelineReadDeps } from '../rooms/read-timeline.ts';
import type { WaitingMessage } from '../storage/to-device.ts';
import type { JsonObject } from '../util/json.ts';
import type { Standings } from './standings.ts';
import type { NewSticky } from './sticky-events.ts';
import type { SyncFeed } from './sync-feed.ts';

/** What reading for /sync uses. */
export interface SyncReadDeps extends TimelineReadDeps, PredefinedRules {
  readonly syncFeed: SyncFeed;
  /** Resolves when push rules and receipts up to a position count. */
  readonly catchUpPush: (upTo: number) => Promise<void>;
}

/** Who syncs: one device of a user. */
export interface SyncViewer extends Viewer {
  readonly sessionNid: number;
  readonly deviceId: DeviceId;
}

/** The key under which the state at the end of timelines is sent, when the client asked for that. */
export type StateAfterKey = 'state_after' | 'org.matrix.msc4222.state_after';

/** What one reading is about. Everything is read up to the same position. */
export interface SyncScope {
  readonly deps: SyncReadDeps;
  readonly viewer: SyncViewer;
  readonly filter: Filter;
  /** All state of all joined rooms, whatever the client has. */
  readonly fullState: boolean;
  /** undefined: state at the start of timelines. */
  readonly stateAfter: StateAfterKey | undefined;
  /** The position that the answer's `next_batch` stands for. */
  readonly upTo: number;
  /** In all rooms that the user has anything to do with; forgotten ones are left out for a client that knows nothing. */
  readonly standings: Standings;
  /** The waiting messages up to `upTo`. */
  readonly messages: readonly WaitingMessage[];
  /** The sticky events that became so where the client is not yet; none for a client that knows nothing. */
  readonly newSticky: Promise<NewSticky>;
}

type RoomSection = 'join' | 'invite' | 'knock' | 'leave';

/** One kind of content of an answer. */
export interface SyncPart {
  /** Members of the answer itself. */
  readonly body?: JsonObject;
  /** Members of rooms in the answer; several providers may fill one room. */
  readonly rooms?: Partial<Record<RoomSection, ReadonlyMap<RoomId, JsonObject>>>;
  /** True when `body` holds something that a client waits for; a room always is. */
  readonly isNews?: boolean;
}

/** Provides one kind of content: all of it for a client that knows nothing, or what is new after a position. */
export interface SyncProvider {
  readonly initial: (scope: SyncScope) => Promise<SyncPart>;
  readonly since: (scope: SyncScope, since: number) => Promise<SyncPart>;
}
