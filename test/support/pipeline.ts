import { clientIntent } from '../../src/rooms/client-intent.ts';
import type { Outcome, Proposal, ProposedEvent } from '../../src/rooms/intent.ts';
import { Pipeline } from '../../src/rooms/pipeline.ts';
import type { CommittedChange } from '../../src/rooms/room-queue.ts';
import { generateSigningKey } from '../../src/matrix/signing-key.ts';
import {
  makeUserId,
  parseServerName,
  type RoomId,
  type ServerName,
  type UserId,
} from '../../src/matrix/identifiers.ts';
import { getRoomVersionRules, type RoomVersion } from '../../src/matrix/room-version.ts';
import { chooseRoomId } from './names.ts';
import { ManualClock } from '../../src/util/clock.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { createLog } from '../../src/util/log.ts';
import { seededRandom, type Random } from '../../src/util/random.ts';
import type { TestDatabase } from './database.ts';

export const SERVER_NAME = serverName('morrow.test');

export function serverName(text: string): ServerName {
  const parsed = parseServerName(text);
  if (parsed === undefined) throw new Error(`${text} is no server name`);
  return parsed;
}

export function localUser(localpart: string): UserId {
  const userId = makeUserId(localpart, SERVER_NAME);
  if (userId === undefined) throw new Error(`${localpart} is no localpart`);
  return userId;
}

/** A pipeline on a test database with the small verbs that tests want. */
export interface TestPipeline extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly committed: CommittedChange[];
  createRoom(creator: UserId, version?: RoomVersion, preset?: 'private' | 'public'): Promise<RoomId>;
  send(roomId: RoomId, sender: UserId, body: string): Promise<ProposedEvent>;
  setState(
    roomId: RoomId,
    sender: UserId,
    type: string,
    stateKey: string,
    content: JsonObject,
  ): Promise<ProposedEvent>;
  propose(roomId: RoomId, sender: UserId, event: TestEvent, extra?: Partial<Proposal>): Promise<Outcome>;
}

export interface TestEvent {
  readonly type: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  readonly stickyDurationMs?: number;
}

export function makePipeline(
  database: TestDatabase,
  options: {
    clock?: ManualClock;
    seed?: string;
    onCommitted?: (change: CommittedChange) => void;
    mostSlotsAtHand?: number;
  } = {},
): TestPipeline {
  const clock = options.clock ?? new ManualClock();
  const random = seededRandom(options.seed ?? 'pipeline');
  const committed: CommittedChange[] = [];
  const key = generateSigningKey(seededRandom('the signing key'), 'a_test');
  const pipeline = new Pipeline({
    database: database.database,
    clock,
    identity: { serverName: SERVER_NAME, key },
    log: createLog({ level: 'silent' }),
    ...(options.mostSlotsAtHand === undefined ? {} : { mostSlotsAtHand: options.mostSlotsAtHand }),
    onCommitted: (change) => {
      committed.push(change);
      options.onCommitted?.(change);
    },
  });
  const deps = { clock, random, serverName: SERVER_NAME };
  const intent = (sender: UserId, event: TestEvent): ReturnType<typeof clientIntent> =>
    clientIntent(deps, sender, { ...event, stateKey: event.stateKey });
  const propose: TestPipeline['propose'] = (roomId, sender, event, extra) =>
    pipeline.submit({ roomId, intents: [intent(sender, event)], ...extra });
  const accepted = async (roomId: RoomId, sender: UserId, event: TestEvent): Promise<ProposedEvent> => {
    const outcome = await propose(roomId, sender, event);
    if (outcome.kind === 'refused') throw outcome.error;
    const made = outcome.kind === 'committed' ? outcome.events[0] : undefined;
    if (made === undefined) throw new Error(`the event ended as ${outcome.kind}`);
    return made;
  };
  return {
    pipeline,
    clock,
    random,
    committed,
    propose,
    send: (roomId, sender, body) =>
      accepted(roomId, sender, { type: 'm.room.message', content: { msgtype: 'm.text', body } }),
    setState: (roomId, sender, type, stateKey, content) =>
      accepted(roomId, sender, { type, stateKey, content }),
    async createRoom(creator, version = '12', preset = 'public') {
      const rules = getRoomVersionRules(version);
      const roomId = rules.roomIdIsCreateHash ? undefined : chooseRoomId(random, SERVER_NAME);
      const create = rules.creatorInContent ? { creator, room_version: version } : { room_version: version };
      const users = rules.privilegedCreators ? {} : { [creator]: 100 };
      const outcome = await pipeline.createRoom({
        rules,
        roomId,
        intents: [
          {
            type: 'm.room.create',
            stateKey: '',
            content: { ...create, entropy: random.bytes(8).toString('hex') },
          },
          { type: 'm.room.member', stateKey: creator, content: { membership: 'join' } },
          { type: 'm.room.power_levels', stateKey: '', content: { users } },
          {
            type: 'm.room.join_rules',
            stateKey: '',
            content: { join_rule: preset === 'public' ? 'public' : 'invite' },
          },
        ].map((event) => intent(creator, event)),
      });
      if (outcome.kind === 'refused') throw outcome.error;
      return outcome.roomId;
    },
    [Symbol.asyncDispose]: () => pipeline[Symbol.asyncDispose](),
  };
}
