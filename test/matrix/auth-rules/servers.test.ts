import { ALICE, BOB, joins, says, sets, ZOE } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

testRules('a room that does not federate', [
  allows(
    'a user of the server joins',
    '1,12',
    { create: { 'm.federate': false }, joinRule: 'public' },
    joins(BOB),
  ),
  refuses(
    'a user of another server does not join',
    '1-12',
    { create: { 'm.federate': false }, joinRule: 'public' },
    joins(ZOE),
    'does not federate, and @zoe:away is not a user of home',
  ),
  refuses(
    'a user of another server who got in sends nothing',
    '1,12',
    { create: { 'm.federate': false }, members: { [ZOE]: 'join' } },
    says(ZOE),
    'does not federate',
  ),
  refuses(
    'the port is part of the server name',
    '1,12',
    { create: { 'm.federate': false }, joinRule: 'public' },
    joins('@bob:home:8448'),
    'does not federate',
  ),
  allows(
    'm.federate may be true',
    '1,12',
    { create: { 'm.federate': true }, joinRule: 'public' },
    joins(ZOE),
  ),
  allows(
    'only false is false',
    '1,12',
    { create: { 'm.federate': 'false' }, joinRule: 'public' },
    joins(ZOE),
  ),
  refuses(
    'the server of the creator in content does not matter',
    '1,10',
    { create: { 'm.federate': false, creator: ZOE }, joinRule: 'public' },
    joins(ZOE),
    'does not federate',
  ),
]);

testRules('m.room.aliases', [
  allows(
    'a server sets its aliases without being in the room',
    '1-5',
    {},
    sets(ZOE, 'm.room.aliases', { aliases: [] }, 'away'),
  ),
  allows(
    'the state key is the server name with its port',
    '1',
    {},
    sets('@zoe:away:1', 'm.room.aliases', {}, 'away:1'),
  ),
  refuses(
    'a server does not set the aliases of another',
    '1-5',
    { members: { [BOB]: 'join' } },
    sets(BOB, 'm.room.aliases', {}, 'away'),
    'm.room.aliases of home cannot have the state_key "away"',
  ),
  refuses(
    'aliases need a state key',
    '1-5',
    { members: { [BOB]: 'join' } },
    says(BOB, 'm.room.aliases'),
    'has no state_key',
  ),
  refuses(
    'the empty state key is no server',
    '1,5',
    { members: { [BOB]: 'join' } },
    sets(BOB, 'm.room.aliases'),
    'cannot have the state_key ""',
  ),
  refuses(
    'aliases of another server are refused where the room does not federate',
    '1,5',
    { create: { 'm.federate': false } },
    sets(ZOE, 'm.room.aliases', {}, 'away'),
    'does not federate',
  ),
  refuses(
    'later aliases need membership like any state',
    '6-12',
    {},
    sets(ZOE, 'm.room.aliases', {}, 'away'),
    'is not joined',
  ),
  refuses(
    'later aliases need power like any state',
    '6,12',
    { members: { [ZOE]: 'join' } },
    sets(ZOE, 'm.room.aliases', {}, 'away'),
    'below the 50 required',
  ),
  allows('later any state key will do', '6,12', {}, sets(ALICE, 'm.room.aliases', {}, 'away')),
]);
