import type { DeviceId } from '../matrix/identifiers.ts';
import type { Presence, PresenceState } from '../storage/presence.ts';

/** Who was online and does nothing for so long counts as away. */
export const IDLE_AFTER_MS = 5 * 60_000;
/** A client that is not heard of for so long is gone. */
export const GONE_AFTER_MS = 60_000;
/** Times are kept about this precisely, so that not every request writes. */
export const GRANULARITY_MS = 60_000;

/** Somebody who was never there. */
export const NEVER_THERE: Presence = {
  state: 'offline',
  statusMsg: undefined,
  lastActiveTs: 0,
  onlineDeviceId: undefined,
  onlineUntilTs: 0,
  presentUntilTs: 0,
};

/**
 * The state that follows from the times.
 *
 * ```
 *              a client says online              nothing done for 5 minutes, or all clients say unavailable
 *   offline ─────────────────────────► online ──────────────────────────────────────────► unavailable
 *      ▲                                  ▲        something done, a client says online        │ │
 *      │                                  └────────────────────────────────────────────────────┘ │
 *      └── no client heard of for a minute, or the user says offline ◄───────────────────────────┘ (and from online)
 * ```
 * https://spec.matrix.org/v1.19/client-server-api/#presence
 */
export function stateAt(presence: Presence, nowMs: number): PresenceState {
  if (nowMs >= presence.presentUntilTs) return 'offline';
  return nowMs < onlineEnd(presence) ? 'online' : 'unavailable';
}

/** When the state changes if nothing happens until then. */
export function nextChangeAt(presence: Presence, nowMs: number): number | undefined {
  const state = stateAt(presence, nowMs);
  if (state === 'offline') return undefined;
  return state === 'online'
    ? Math.min(onlineEnd(presence), presence.presentUntilTs)
    : presence.presentUntilTs;
}

/** A client syncs, and says what its user is; it is heard of again at `untilTs` at the latest. */
export function afterSync(
  presence: Presence,
  client: { readonly deviceId: DeviceId; readonly says: 'online' | 'unavailable'; readonly untilTs: number },
  nowMs: number,
): Presence {
  const presentUntilTs = Math.max(presence.presentUntilTs, client.untilTs);
  if (client.says === 'unavailable') {
    const takesBack = presence.onlineDeviceId === client.deviceId;
    const onlineUntilTs = takesBack ? Math.min(presence.onlineUntilTs, nowMs) : presence.onlineUntilTs;
    return settled({ ...presence, presentUntilTs, onlineUntilTs }, nowMs);
  }
  const comesBack = nowMs >= presence.onlineUntilTs || nowMs >= presence.presentUntilTs;
  return settled(
    {
      ...presence,
      presentUntilTs,
      onlineDeviceId: client.deviceId,
      onlineUntilTs: Math.max(presence.onlineUntilTs, client.untilTs),
      // A client that merely goes on syncing says nothing of what its user does.
      lastActiveTs: comesBack ? nowMs : presence.lastActiveTs,
    },
    nowMs,
  );
}

/** The user says what they are. */
export function afterSaying(
  presence: Presence,
  said: {
    readonly deviceId: DeviceId;
    readonly state: PresenceState;
    readonly statusMsg: string | undefined;
  },
  nowMs: number,
): Presence {
  const { deviceId, state, statusMsg } = said;
  const untilTs = nowMs + GONE_AFTER_MS;
  const isOnline = state === 'online';
  return settled(
    {
      ...presence,
      statusMsg,
      onlineDeviceId: deviceId,
      lastActiveTs: isOnline ? nowMs : presence.lastActiveTs,
      onlineUntilTs: isOnline
        ? Math.max(presence.onlineUntilTs, untilTs)
        : Math.min(presence.onlineUntilTs, nowMs),
      presentUntilTs: state === 'offline' ? nowMs : Math.max(presence.presentUntilTs, untilTs),
    },
    nowMs,
  );
}

/** The user does something. That shows nobody who does not want to be seen: who is offline stays so. */
export function afterActing(presence: Presence, nowMs: number): Presence {
  if (stateAt(presence, nowMs) === 'offline') return settled(presence, nowMs);
  const untilTs = nowMs + GONE_AFTER_MS;
  return settled(
    {
      ...presence,
      lastActiveTs: nowMs,
      onlineUntilTs: Math.max(presence.onlineUntilTs, untilTs),
      presentUntilTs: Math.max(presence.presentUntilTs, untilTs),
    },
    nowMs,
  );
}

/** The presence with the state that its times mean now. */
export function settled(presence: Presence, nowMs: number): Presence {
  return { ...presence, state: stateAt(presence, nowMs) };
}

function onlineEnd(presence: Presence): number {
  return Math.min(presence.onlineUntilTs, presence.lastActiveTs + IDLE_AFTER_MS);
}
