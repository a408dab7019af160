import { authEventSlots } from '../../src/matrix/auth-events.ts';
import { buildEvent, chooseEventId } from '../../src/matrix/event-building.ts';
import { parsePdu } from '../../src/matrix/event-parsing.ts';
import { stateSlot, type MatrixEvent, type StateSlot } from '../../src/matrix/event.ts';
import { makeUserId, type RoomId, type UserId } from '../../src/matrix/identifiers.ts';
import { getRoomVersionRules, type RoomVersion } from '../../src/matrix/room-version.ts';
import { generateSigningKey } from '../../src/matrix/signing-key.ts';
import type { Outcome, ReceivedIntent } from '../../src/rooms/intent.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { seededRandom } from '../../src/util/random.ts';
import { serverName, type TestPipeline } from './pipeline.ts';

const REMOTE = serverName('elsewhere.test');
const RANDOM = seededRandom('ids of elsewhere');
const KEY = generateSigningKey(seededRandom('the key of elsewhere'), 'a_far');

/** A user of the made-up second server. */
export function remoteUser(localpart: string): UserId {
  const userId = makeUserId(localpart, REMOTE);
  if (userId === undefined) throw new Error(`${localpart} is no localpart`);
  return userId;
}

export interface RemoteEvent {
  readonly sender: UserId;
  readonly type: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  readonly prevs: readonly MatrixEvent[];
  /** The state that the second server believes in: what it picks auth events from. */
  readonly state: ReadonlyMap<StateSlot, MatrixEvent>;
  readonly originServerTs: number;
  readonly stickyDurationMs?: number;
}

/** Builds and signs an event as the second server would, and reads it back as a received PDU is read. */
export function remoteEvent(roomId: RoomId, version: RoomVersion, parts: RemoteEvent): MatrixEvent {
  const rules = getRoomVersionRules(version);
  const event = buildEvent({
    ...parts,
    rules,
    roomId,
    prevEvents: parts.prevs,
    authEvents: authEventSlots({ ...parts, stateKey: parts.stateKey }, rules).flatMap(
      (slot) => parts.state.get(slot) ?? [],
    ),
    depth: Math.max(...parts.prevs.map((prev) => prev.depth)) + 1,
    serverName: REMOTE,
    key: KEY,
    chosenEventId: chooseEventId(RANDOM, REMOTE),
  });
  const parsed = parsePdu(JSON.parse(JSON.stringify(event.pdu)), rules);
  if (parsed.kind !== 'parsed') throw new Error(parsed.reason);
  return parsed.event;
}

/** Feeds a PDU through the one door. */
export function receive(
  test: TestPipeline,
  event: MatrixEvent,
  placement: ReceivedIntent['placement'] = 'live',
): Promise<Outcome> {
  return test.pipeline.submit({ roomId: event.roomId, intents: [{ kind: 'received', event, placement }] });
}

/** Events by the slots they take: a small picture of a state. */
export function stateOf(...events: readonly MatrixEvent[]): Map<StateSlot, MatrixEvent> {
  return new Map(
    events.flatMap((event): [StateSlot, MatrixEvent][] =>
      event.stateKey === undefined ? [] : [[stateSlot(event.type, event.stateKey), event]],
    ),
  );
}
