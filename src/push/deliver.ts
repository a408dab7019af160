import { stateSlot, type StateSlot } from '../matrix/event.ts';
import { outcomeOf } from '../matrix/push-rules/evaluation.ts';
import { memberSlot } from '../matrix/power-levels.ts';
import { readableEvent } from '../rooms/client-events.ts';
import { currentStateOf, findStateEvents, type RoomReadDeps } from '../rooms/read-state.ts';
import { listEventsByNid } from '../storage/events.ts';
import { findPushWork, type ListedNotification } from '../storage/notifications.ts';
import {
  advancePusher,
  delayPusher,
  deletePushersByKey,
  finishPusher,
  skipPusherBacklog,
  type ClaimedPusher,
} from '../storage/pushers.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';
import type { Log } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { parseGatewayUrl } from './gateway-url.ts';
import { badgePayload, eventPayload, type PushedMessage } from './payload.ts';
import { postJson, type PostDeps } from './post.ts';

export interface DeliveryDeps extends RoomReadDeps, PostDeps {
  readonly random: Random;
  readonly log: Log;
}

/** A claim lasts this long after each step, so that another process takes over from one that is gone. */
export const CLAIM_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 3_600_000;
/** What a gateway would not take for so long is not worth telling any more. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;

type Failing = Pick<ClaimedPusher, 'failures' | 'failingSinceTs'>;

type Delivery = 'delivered' | 'rejected' | 'failed';

/**
 * Sends all that is due to one gateway, in order, then the number of unread notifications if that has changed since.
 * The pusher is claimed by the caller, and let go of here.
 */
export async function deliverDue(
  deps: DeliveryDeps,
  claimed: ClaimedPusher,
  signal: AbortSignal,
): Promise<void> {
  const { db, clock } = deps;
  let { position, badge } = claimed;
  let failing: Failing = claimed;
  while (!signal.aborted) {
    const { next, unread, upTo } = await findPushWork(db, claimed.userNid, position);
    if (next === undefined && unread === (badge ?? 0))
      return finishPusher(db, claimed.pusherNid, { workNumber: claimed.workNumber, upTo }, clock.nowMs());
    const message = next && (await describe(deps, next));
    const payload =
      next === undefined ? badgePayload(claimed, unread) : message && eventPayload(claimed, message, unread);
    const delivery = payload === undefined ? 'delivered' : await deliver(deps, claimed, payload, signal);
    if (delivery === 'rejected') return deletePushersByKey(db, claimed);
    if (delivery === 'failed')
      return signal.aborted ? letGo(deps, claimed) : retryLater(deps, claimed, failing);
    position = next?.position ?? position;
    badge = payload === undefined ? badge : unread;
    const reached = { position, badge, claimedUntilTs: clock.nowMs() + CLAIM_MS };
    if (!(await advancePusher(db, claimed.pusherNid, reached))) return;
    failing = { failures: 0, failingSinceTs: undefined };
  }
  return letGo(deps, claimed);
}

/** Leaves the rest to whoever claims the pusher next. */
async function letGo(deps: DeliveryDeps, pusher: ClaimedPusher): Promise<void> {
  await finishPusher(deps.db, pusher.pusherNid, undefined, deps.clock.nowMs());
}

async function deliver(
  deps: DeliveryDeps,
  pusher: ClaimedPusher,
  payload: JsonObject,
  signal: AbortSignal,
): Promise<Delivery> {
  try {
    const { url: text } = pusher.data;
    const url = parseGatewayUrl(typeof text === 'string' ? text : '', deps);
    const { status, json } = await postJson(deps, url, payload, signal);
    if (status < 200 || status > 299) throw new Error(`the gateway answered ${status}`);
    return isRejected(json, pusher.pushkey) ? 'rejected' : 'delivered';
  } catch (error) {
    deps.log.info({ err: error, pusher: pusher.pusherNid }, 'a push gateway took no message');
    return 'failed';
  }
}

function isRejected(json: unknown, pushkey: string): boolean {
  const rejected = isJsonObject(json) ? json['rejected'] : undefined;
  return isJsonArray(rejected) && rejected.includes(pushkey);
}

/** Waits longer after each failure; after a day all that waits is dropped, and the next event is tried again. */
async function retryLater(deps: DeliveryDeps, pusher: ClaimedPusher, failing: Failing): Promise<void> {
  const nowTs = deps.clock.nowMs();
  const failingSinceTs = failing.failingSinceTs ?? nowTs;
  if (nowTs - failingSinceTs >= GIVE_UP_AFTER_MS) return skipPusherBacklog(deps.db, pusher.pusherNid);
  const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failing.failures, 20));
  const jitter = (deps.random.bytes(1)[0] ?? 0) / 255;
  await delayPusher(deps.db, pusher.pusherNid, {
    dueTs: nowTs + Math.ceil(longestMs * (0.5 + jitter / 2)),
    failures: failing.failures + 1,
    failingSinceTs,
  });
}

const NAME_SLOT = stateSlot('m.room.name', '');
const ALIAS_SLOT = stateSlot('m.room.canonical_alias', '');

/** The event with its names; undefined when it was redacted meanwhile, or is not to be pushed. */
async function describe(
  deps: RoomReadDeps,
  notification: Pick<ListedNotification, 'eventNid' | 'actions'>,
): Promise<PushedMessage | undefined> {
  const { notifies, tweaks } = outcomeOf(notification.actions);
  const [stored] = await listEventsByNid(deps.db, [notification.eventNid]);
  if (stored === undefined || stored.redactedByNid !== undefined || !notifies) return undefined;
  const { event } = readableEvent(stored);
  const senderSlot = memberSlot(event.sender);
  const slots = [NAME_SLOT, ALIAS_SLOT, senderSlot];
  const state = await findStateEvents(deps, currentStateOf(stored.roomNid), slots);
  const textIn = (slot: StateSlot, key: string): string | undefined => {
    const holder = state.get(slot);
    const value: JsonValue | undefined = holder && readableEvent(holder).event.content[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    event,
    tweaks,
    senderDisplayName: textIn(senderSlot, 'displayname'),
    roomName: textIn(NAME_SLOT, 'name'),
    roomAlias: textIn(ALIAS_SLOT, 'alias'),
  };
}
