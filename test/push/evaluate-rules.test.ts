import assert from 'node:assert/strict';
import { toClientEvent } from '../../src/matrix/client-event.ts';
import { parseEventId, parseRoomId, parseUserId, type UserId } from '../../src/matrix/identifiers.ts';
import { mayNameUser, type PredefinedRules } from '../../src/matrix/push-rules/default-rules.ts';
import { PushRuleCompiler } from '../../src/matrix/push-rules/evaluation.ts';
import { composePushRuleset, type UserPushRule } from '../../src/matrix/push-rules/ruleset.ts';
import { evaluateRules } from '../../src/push/evaluate-rules.ts';
import type { Recipient } from '../../src/push/personal-rules.ts';
import { readableEvent, type ReadableEvent } from '../../src/rooms/client-events.ts';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import { Turn } from '../../src/util/turn.ts';
import { clientPath, syncAs } from '../client-api/facts-client.ts';
import { makeSharedRoom, makeUsers, objectAt, pathOf } from '../client-api/rooms-client.ts';
import { countTurnsOfOthers } from '../support/count-turns.ts';
import { startTestServer, succeed, textAt, type TestUser } from '../support/server.ts';

/** The users whom the events here name, and one whom none does. */
const USERS = ['@alice:test', '@bob:test', '@nobody:test'].map((id): UserId => {
  const userId = parseUserId(id);
  assert.ok(userId !== undefined);
  return userId;
});
const TYPES = [
  'm.room.message',
  'm.room.encrypted',
  'm.room.member',
  'm.room.tombstone',
  'm.reaction',
  'm.call.invite',
];
const CONTENTS: readonly JsonObject[] = [
  { body: 'hello', msgtype: 'm.text' },
  { body: 'alice and Robert', msgtype: 'm.text' },
  { body: '@room', msgtype: 'm.notice' },
  { membership: 'invite' },
  { 'm.relates_to': { rel_type: 'm.replace', event_id: '$other' } },
];
const MENTIONS: readonly (JsonValue | undefined)[] = [
  undefined,
  null,
  {},
  { room: true },
  { user_ids: [] },
  { user_ids: ['@alice:test'] },
  { user_ids: '@alice:test' },
];
const STATE_KEYS = [undefined, '', '@bob:test'];

/** One that is always over, as each is on a machine that is slow enough. */
class LongTurn extends Turn {
  override get isOver(): boolean {
    return true;
  }
}

/** A message as it is stored. */
function makeMessage(body: string): ReadableEvent {
  const [eventId, roomId] = [parseEventId('$event'), parseRoomId('!room')];
  assert.ok(eventId !== undefined && roomId !== undefined);
  const pdu = {
    type: 'm.room.message',
    sender: '@eve:test',
    content: { body },
    depth: 1,
    origin_server_ts: 1,
  };
  return readableEvent({
    eventId,
    roomId,
    eventNid: 1,
    roomNid: 1,
    roomVersion: '12',
    position: 1,
    status: 'accepted',
    senderNid: 1,
    stateKeyNid: undefined,
    stateBefore: undefined,
    stateAfter: undefined,
    replacesNid: undefined,
    redactedByNid: undefined,
    sessionNid: undefined,
    txnId: undefined,
    delayId: undefined,
    json: JSON.stringify({ ...pdu, prev_events: [], auth_events: [] }),
  });
}

describe('the rules that everybody has', () => {
  const compiler = new PushRuleCompiler();
  const answersTo = (event: JsonObject, predefined: PredefinedRules, mayNotify: boolean): Set<string> => {
    const pushed = { event, memberCount: 5, mayNotify: () => mayNotify };
    return new Set(
      USERS.map((userId) => {
        const displayName = userId === '@bob:test' ? 'Robert' : undefined;
        const rules = compiler.compile(composePushRuleset(userId, [], [], predefined));
        return JSON.stringify(rules.evaluate(pushed, { displayName, isSubscribed: undefined }));
      }),
    );
  };

  it('say the same to all of an event that names nobody', () => {
    const divided = new Set<boolean>();
    for (const legacyMentions of [true, false])
      for (const type of TYPES)
        for (const content of CONTENTS)
          for (const mentions of MENTIONS)
            for (const stateKey of STATE_KEYS) {
              const event: JsonObject = {
                type,
                room_id: '!room:test',
                sender: '@eve:test',
                content: mentions === undefined ? content : { ...content, 'm.mentions': mentions },
                ...(stateKey === undefined ? {} : { state_key: stateKey }),
              };
              const predefined = { legacyMentions, threadSubscriptions: true };
              const mayName = mayNameUser(event, predefined);
              for (const mayNotify of [true, false]) {
                const isDivided = answersTo(event, predefined, mayNotify).size > 1;
                assert.ok(mayName || !isDivided, JSON.stringify(event));
                if (mayName) divided.add(isDivided);
              }
            }
    assert.deepEqual(divided, new Set([true, false]));
  });
});

describe('push rules that take long', () => {
  it('let others have their turns, be it for one event', async () => {
    const message = makeMessage('some words');
    const written = Array.from({ length: 200 }, (_, index): UserPushRule => ({
      kind: 'content',
      ruleId: `rule ${index}`,
      enabled: true,
      conditions: [],
      pattern: `never ${index}`,
      actions: ['notify'],
    }));
    const [userId] = USERS;
    assert.ok(userId !== undefined);
    const recipients: readonly Recipient[] = [{ userNid: 1, userId }];
    const predefined = { legacyMentions: false, threadSubscriptions: false };
    const evaluator = new PushRuleCompiler().compile(composePushRuleset(userId, written, [], predefined));
    const audience = {
      recipientsOf: () => recipients,
      rulesOf: () => ({ evaluator, isChanged: true, ignored: new Set<string>() }),
      describe: () => ({ event: toClientEvent(message.event, { withRoomId: true }), memberCount: 20 }),
      rightsIn: () => Promise.resolve(() => false),
      displayNamesIn: () => Promise.resolve(new Map<UserId, string>()),
    };
    const facts = { predefined, isSubscribed: undefined, turn: new LongTurn() };
    const others = await countTurnsOfOthers(async () => {
      const actions = await evaluateRules(audience, message, recipients, facts);
      assert.equal(actions.length, recipients.length);
    });
    assert.ok(others >= written.length, `others had ${others} turns`);
  });
});

describe('push rules that are tried together', () => {
  it('are those of each user all the same', async () => {
    await using server = await startTestServer({ config: { threadSubscriptions: true } });
    const [alice, bob, carol, dora, ed] = await makeUsers(server, 'alice', 'bob', 'carol', 'dora', 'ed');
    const roomId = await makeSharedRoom(server, alice, bob);
    for (const user of [carol, dora, ed])
      await succeed(server, 'POST', pathOf(roomId, 'join'), { token: user });
    const rule = clientPath('pushrules', 'global', 'room', roomId);
    await succeed(server, 'PUT', rule, { token: carol, body: { actions: [] } });
    let sent = 0;
    const say = async (content: JsonObject): Promise<string> => {
      const path = pathOf(roomId, 'send', 'm.room.message', `m${(sent += 1)}`);
      const body = await succeed(server, 'PUT', path, {
        token: alice,
        body: { msgtype: 'm.text', body: 'x', ...content },
      });
      return textAt(body, 'event_id');
    };
    const countsOf = async (user: TestUser): Promise<unknown> => {
      const counts = objectAt((await syncAs(server, user)).joined(roomId), 'unread_notifications');
      return [counts['notification_count'], counts['highlight_count']];
    };
    const all = (): Promise<unknown[]> => Promise.all([bob, carol, dora, ed].map(countsOf));
    const rootId = await say({});
    assert.deepEqual(await all(), [
      [1, 0],
      [0, 0],
      [1, 0],
      [1, 0],
    ]);
    await say({ 'm.mentions': { user_ids: [dora.userId] } });
    assert.deepEqual(await all(), [
      [2, 0],
      [0, 0],
      [2, 1],
      [2, 0],
    ]);
    await say({ 'm.mentions': { room: true } });
    assert.deepEqual(await all(), [
      [3, 1],
      [1, 1],
      [3, 2],
      [3, 1],
    ]);
    const subscription = `/_matrix/client/unstable/io.element.msc4306/rooms/${encodeURIComponent(roomId)}/thread/${encodeURIComponent(rootId)}/subscription`;
    await succeed(server, 'PUT', subscription, { token: ed, body: {} });
    await say({ 'm.relates_to': { rel_type: 'm.thread', event_id: rootId } });
    assert.deepEqual(await all(), [
      [3, 1],
      [1, 1],
      [3, 2],
      [4, 1],
    ]);
  });
});
