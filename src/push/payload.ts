import type { JsonObject, JsonValue } from '../util/json.ts';
import type { MatrixEvent } from '../matrix/event.ts';
import type { UserId } from '../matrix/identifiers.ts';
import type { ClaimedPusher } from '../storage/pushers.ts';

/** An event, and what people call those concerned. */
export interface PushedMessage {
  readonly event: MatrixEvent;
  readonly senderDisplayName: string | undefined;
  readonly roomName: string | undefined;
  readonly roomAlias: string | undefined;
  readonly tweaks: JsonObject;
}

type Receiver = Pick<ClaimedPusher, 'appId' | 'pushkey' | 'pushkeyTs' | 'data'> & { readonly userId: UserId };

/**
 * What a gateway is told of an event: all that it may want, or ids alone where the client asked for that.
 * https://spec.matrix.org/v1.19/push-gateway-api/#post_matrixpushv1notify
 */
export function eventPayload(receiver: Receiver, message: PushedMessage, unread: number): JsonObject {
  const { event, tweaks } = message;
  const ids: JsonObject = {
    event_id: event.eventId,
    room_id: event.roomId,
    prio: priorityOf(event, tweaks),
    counts: unread === 0 ? {} : { unread },
    devices: [deviceOf(receiver, tweaks)],
  };
  if (receiver.data['format'] === 'event_id_only') return { notification: ids };
  return {
    notification: compact({
      ...ids,
      type: event.type,
      sender: event.sender,
      sender_display_name: message.senderDisplayName,
      room_name: message.roomName,
      room_alias: message.roomAlias,
      user_is_target:
        event.type === 'm.room.member' && event.stateKey !== undefined
          ? event.stateKey === receiver.userId
          : undefined,
      content: event.content,
    }),
  };
}

/**
 * What a gateway is told when only the number of unread notifications has changed. The specification would leave out
 * a zero, but gateways clear a badge only when they are told one.
 */
export function badgePayload(receiver: Receiver, unread: number): JsonObject {
  return { notification: { prio: 'low', counts: { unread }, devices: [deviceOf(receiver, undefined)] } };
}

function deviceOf(receiver: Receiver, tweaks: JsonObject | undefined): JsonObject {
  const { url: _url, ...data } = receiver.data;
  return compact({
    app_id: receiver.appId,
    pushkey: receiver.pushkey,
    pushkey_ts: Math.floor(receiver.pushkeyTs / 1_000),
    data,
    tweaks,
  });
}

/** What makes a noise is urgent, and so is what only the client can judge once it has decrypted it. */
function priorityOf(event: MatrixEvent, tweaks: JsonObject): 'high' | 'low' {
  const isLoud = tweaks['sound'] !== undefined || tweaks['highlight'] === true;
  return isLoud || event.type === 'm.room.encrypted' ? 'high' : 'low';
}

function compact(values: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
