import { type EventInWords, sets } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const create = (content: EventInWords['content'], more: Partial<EventInWords> = {}): EventInWords => ({
  ...sets('@alice:home', 'm.room.create', content),
  ...more,
});
const old = { creator: '@alice:home' };
const v12 = (additional: EventInWords['content'][string]): EventInWords =>
  create({ room_version: '12', additional_creators: additional });

testRules('creating a room', [
  allows('a create event with a creator begins a room', '1-10', {}, create(old)),
  allows('a create event needs no creator in its content', '11-12', {}, create({})),
  refuses('a create event without a creator is refused', '1-10', {}, create({}), 'no creator'),
  allows('a creator of any form will do', '1,10', {}, create({ creator: 5 })),
  allows('a create event needs no state', '1,12', { without: ['m.room.create'] }, create(old)),
  refuses(
    'nothing comes before a create event',
    '1,6,11,12',
    {},
    create(old, { prevEvents: ['$before:home'] }),
    'm.room.create has 1 previous events',
  ),
  refuses(
    'a server creates rooms with ids of its own only',
    '1-11',
    {},
    create(old, { roomId: '!room:away' }),
    "room id !room:away is not of the sender's server home",
  ),
  refuses(
    'a room id without a domain is not of the server',
    '1,11',
    {},
    create(old, { roomId: '!opaque' }),
    'is not of the sender',
  ),
  allows(
    'the server of a room id may have a port',
    '3,11',
    {},
    create(old, { sender: '@alice:home:8448', roomId: '!room:home:8448' }),
  ),
  refuses(
    'a create event with a room id is refused',
    '12',
    {},
    create({}, { pdu: { room_id: '!room:home' } }),
    'carries a room_id',
  ),
  refuses(
    'a create event with a room id is refused even when it is null',
    '12',
    {},
    create({}, { pdu: { room_id: null } }),
    'carries a room_id',
  ),
  allows('any domain may create a room whose id is a hash', '12', {}, create({}, { sender: '@zoe:away' })),
  allows('a room version that is known is accepted', '1,10', {}, create({ ...old, room_version: '10' })),
  refuses(
    'a room version that nobody knows is refused',
    '1,6,10,12',
    {},
    create({ ...old, room_version: '99' }),
    'room version "99" is not known',
  ),
  refuses(
    'a room version that is a number is refused',
    '1,10,12',
    {},
    create({ ...old, room_version: 10 }),
    'room version 10 is not known',
  ),
  refuses(
    'a room version named like a property of objects is refused',
    '11',
    {},
    create({ room_version: 'constructor' }),
    'is not known',
  ),
  allows('additional creators are user ids', '12', {}, v12(['@bob:home', '@zoe:away'])),
  allows('the list of additional creators may be empty', '12', {}, v12([])),
  allows('the creator may be listed again', '12', {}, v12(['@alice:home'])),
  refuses('additional creators that are no list are refused', '12', {}, v12('@bob:home'), 'is not a list'),
  refuses('additional creators that are null are refused', '12', {}, v12(null), 'is not a list'),
  refuses(
    'an additional creator that is no string is refused',
    '12',
    {},
    v12([5]),
    'has 5, which is no user id',
  ),
  refuses(
    'an additional creator that is no user id is refused',
    '12',
    {},
    v12(['@bob:home', 'bob']),
    'has "bob", which is no user id',
  ),
  refuses('an additional creator without a domain is refused', '12', {}, v12(['@bob']), 'is no user id'),
  refuses(
    'an additional creator with a bad domain is refused',
    '12',
    {},
    v12(['@bob:ho me']),
    'is no user id',
  ),
  allows(
    'additional creators mean nothing before they existed',
    '10,11',
    {},
    create({ ...old, additional_creators: 'nobody' }),
  ),
]);
