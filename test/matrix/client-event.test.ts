import assert from 'node:assert/strict';
import { toClientEvent, toStrippedState } from '../../src/matrix/client-event.ts';
import { isStateEvent } from '../../src/matrix/event.ts';
import type { MatrixEvent, Pdu } from '../../src/matrix/event.ts';
import { eventFromPdu } from '../../src/matrix/event-from-pdu.ts';
import { parseEventId, parseRoomId } from '../../src/matrix/identifiers.ts';
import { getRoomVersionRules } from '../../src/matrix/room-version.ts';
import type { RoomVersion } from '../../src/matrix/room-version.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { defined } from './vectors.ts';

function event(version: RoomVersion, changes: JsonObject): MatrixEvent {
  const pdu: Pdu = {
    type: 'm.room.message',
    sender: '@a:x',
    content: { body: 'hi' },
    depth: 3,
    origin_server_ts: 5,
    prev_events: [],
    auth_events: [],
    hashes: {},
    signatures: {},
    room_id: '!r:x',
    ...changes,
  };
  return eventFromPdu(
    pdu,
    defined(parseEventId('$e')),
    defined(parseRoomId('!r:x')),
    getRoomVersionRules(version),
  );
}

describe('client events', () => {
  it('hold what clients need and nothing of the federation', () => {
    assert.deepEqual(toClientEvent(event('12', {}), { withRoomId: false }), {
      event_id: '$e',
      type: 'm.room.message',
      sender: '@a:x',
      origin_server_ts: 5,
      content: { body: 'hi' },
    });
  });

  it('have a state key, room id and unsigned where there is one', () => {
    const client = toClientEvent(event('12', { state_key: '' }), { withRoomId: true, unsigned: { age: 1 } });
    assert.equal(client['state_key'], '');
    assert.equal(client['room_id'], '!r:x');
    assert.deepEqual(client['unsigned'], { age: 1 });
    assert.equal('unsigned' in toClientEvent(event('12', {}), { withRoomId: true, unsigned: {} }), false);
  });

  for (const [version, changes] of [
    ['1', { redacts: '$t' }],
    ['10', { redacts: '$t' }],
    ['11', { content: { redacts: '$t' } }],
    ['12', { content: { redacts: '$t' } }],
  ] as const) {
    it(`name what they redact twice in v${version}`, () => {
      const client = toClientEvent(event(version, { type: 'm.room.redaction', ...changes }), {
        withRoomId: false,
      });
      assert.equal(client['redacts'], '$t');
      assert.equal(
        client['content'] !== undefined && JSON.stringify(client['content']).includes('"redacts":"$t"'),
        true,
      );
    });
  }

  it('are stripped to four members for outsiders', () => {
    const state = event('12', { type: 'm.room.name', state_key: '', content: { name: 'x' } });
    assert.equal(isStateEvent(state), true);
    if (!isStateEvent(state)) return;
    assert.deepEqual(toStrippedState(state), {
      type: 'm.room.name',
      sender: '@a:x',
      state_key: '',
      content: { name: 'x' },
    });
  });
});
