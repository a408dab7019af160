import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  admitsEvent,
  admitsRoom,
  admitsRoomEvent,
  limitOf,
  matchesGlob,
  parseFilter,
  parseRoomEventFilter,
} from '../../src/matrix/filters.ts';
import { refusal } from '../support/refusal.ts';

describe('filters', () => {
  it('admit everything when they say nothing', () => {
    const { room, presence, eventFormat } = parseFilter({});
    assert.equal(eventFormat, 'client');
    assert.equal(admitsRoom(room, '!r:x'), true);
    assert.equal(admitsEvent(presence, { type: 'm.presence', sender: '@a:x' }), true);
    assert.equal(admitsRoomEvent(room.timeline, '!r:x', { type: 'any', sender: '@a:x', content: {} }), true);
    assert.equal(room.timeline.lazyLoadMembers, false);
    assert.equal(room.includeLeave, false);
  });

  it('are refused for parts of the wrong kind', () => {
    const wrong: unknown[] = [
      'text',
      null,
      { presence: 'not_an_object' },
      { event_format: 'xml' },
      { event_fields: 'content.body' },
      { room: { timeline: 'not_an_object' } },
      { room: { state: [] } },
      { room: { ephemeral: 1 } },
      { room: { account_data: true } },
      { room: { include_leave: 'yes' } },
      { room: { timeline: { rooms: 'not_a_list' } } },
      { room: { timeline: { not_senders: 'not_a_list' } } },
      { room: { timeline: { types: [1] } } },
      { room: { timeline: { limit: '10' } } },
      { room: { timeline: { limit: 1.5 } } },
      { room: { timeline: { limit: -1 } } },
    ];
    for (const filter of wrong) assert.throws(() => parseFilter(filter), refusal(400, 'M_BAD_JSON'));
  });

  it('are refused for what is no room id or user id', () => {
    for (const timeline of [
      { rooms: ['not_a_room_id'] },
      { not_rooms: ['#a:x'] },
      { senders: ['not_a_sender_id'] },
    ]) {
      assert.throws(() => parseFilter({ room: { timeline } }), refusal(400, 'M_INVALID_PARAM'));
    }
  });

  it('take room ids without a domain and keys that they do not know', () => {
    const filter = parseFilter({
      room: { rooms: ['!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM'] },
      'org.x': 1,
    });
    assert.equal(filter.room.rooms?.length, 1);
  });

  it('let an exclusion win over an inclusion', () => {
    const filter = parseRoomEventFilter({
      types: ['m.room.*'],
      not_types: ['m.room.member'],
      senders: ['@a:x', '@b:x'],
      not_senders: ['@b:x'],
      rooms: ['!r:x', '!s:x'],
      not_rooms: ['!s:x'],
    });
    const admits = (roomId: string, type: string, sender: string): boolean =>
      admitsRoomEvent(filter, roomId, { type, sender, content: {} });
    assert.equal(admits('!r:x', 'm.room.topic', '@a:x'), true);
    assert.equal(admits('!r:x', 'm.room.member', '@a:x'), false);
    assert.equal(admits('!r:x', 'm.reaction', '@a:x'), false);
    assert.equal(admits('!r:x', 'm.room.topic', '@b:x'), false);
    assert.equal(admits('!r:x', 'm.room.topic', '@c:x'), false);
    assert.equal(admits('!s:x', 'm.room.topic', '@a:x'), false);
    assert.equal(admits('!t:x', 'm.room.topic', '@a:x'), false);
  });

  it('admit nothing by an empty list', () => {
    assert.equal(admitsEvent({ types: [] }, { type: 'm.x', sender: '@a:x' }), false);
    assert.equal(admitsEvent({ senders: [] }, { type: 'm.x', sender: '@a:x' }), false);
    assert.equal(admitsRoom({ rooms: [] }, '!r:x'), false);
  });

  it('judge what has no sender by its type alone', () => {
    assert.equal(admitsEvent({ senders: ['@a:x'], types: ['m.tag'] }, { type: 'm.tag' }), true);
  });

  it('tell events with a url from those without', () => {
    const [withUrl, without] = [{ url: 'mxc://x/y' }, { body: 'text' }];
    const admits = (containsUrl: boolean, content: typeof withUrl | typeof without): boolean =>
      admitsRoomEvent(parseRoomEventFilter({ contains_url: containsUrl }), '!r:x', {
        type: 't',
        sender: '@a:x',
        content,
      });
    assert.deepEqual([admits(true, withUrl), admits(true, without)], [true, false]);
    assert.deepEqual([admits(false, withUrl), admits(false, without)], [false, true]);
  });

  it('tell events by their relation', () => {
    const thread = { 'm.relates_to': { rel_type: 'm.thread', event_id: '$x' } };
    const admits = (filter: object, content: object): boolean =>
      admitsRoomEvent(parseRoomEventFilter(filter), '!r:x', {
        type: 't',
        sender: '@a:x',
        content: { ...content },
      });
    assert.equal(admits({ 'org.matrix.msc3874.rel_types': ['m.thread'] }, thread), true);
    assert.equal(admits({ 'org.matrix.msc3874.rel_types': ['m.thread'] }, {}), false);
    assert.equal(admits({ 'org.matrix.msc3874.not_rel_types': ['m.thread'] }, thread), false);
    assert.equal(admits({ 'org.matrix.msc3874.not_rel_types': ['m.thread'] }, {}), true);
  });

  it('limit what is given, by default and at most as the caller says', () => {
    assert.deepEqual(
      [undefined, 0, 5, 5000].map((limit) => limitOf({ limit }, 10, 100)),
      [10, 0, 5, 100],
    );
  });
});

describe('a glob', () => {
  it('stands for any characters where it has a star, and for itself elsewhere', () => {
    assert.equal(matchesGlob('m.room.*', 'm.room.member'), true);
    assert.equal(matchesGlob('*', ''), true);
    assert.equal(matchesGlob('m.*.x', 'm.x'), false);
    assert.equal(matchesGlob('a*a', 'a'), false);
    assert.equal(matchesGlob('*a*b*', 'xxbaxb'), true);
    assert.equal(matchesGlob('*a*b*', 'xxba'), false);
    assert.equal(matchesGlob('m.room.?', 'm.room.x'), false);
    assert.equal(matchesGlob('m.room', 'm_room'), false);
  });

  it('matches exactly what the regular expression of the same meaning matches', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 10 });
    const plain = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });
    fc.assert(
      fc.property(text, plain, (glob, value) => {
        const pattern = glob.replaceAll('.', '\\.').replaceAll('*', '.*');
        assert.equal(matchesGlob(glob, value), new RegExp(`^${pattern}$`).test(value));
      }),
    );
  });

  it('takes no longer for a hostile one', () => {
    assert.equal(matchesGlob(`${'*a'.repeat(5000)}b`, 'a'.repeat(20_000)), false);
  });
});
