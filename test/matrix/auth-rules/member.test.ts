import { BOB, CAROL, knocks, member, type RoomInWords, says, sets } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const publicRoom: RoomInWords = { joinRule: 'public' };

testRules('memberships', [
  refuses(
    'a membership needs a state key',
    '1,6,10,12',
    publicRoom,
    says(BOB, 'm.room.member', { membership: 'join' }),
    'has no state_key',
  ),
  refuses(
    'a member event needs a membership',
    '1,6,10,12',
    publicRoom,
    sets(BOB, 'm.room.member', {}, BOB),
    'has no membership',
  ),
  refuses(
    'a membership is of a user',
    '1,10,12',
    publicRoom,
    sets(BOB, 'm.room.member', { membership: 'join' }, 'bob'),
    'is no user id',
  ),
  refuses(
    'the empty state key is no user',
    '1,12',
    publicRoom,
    sets(BOB, 'm.room.member', { membership: 'join' }),
    '"" of m.room.member is no user id',
  ),
  refuses(
    'an unknown membership is refused',
    '1,6,12',
    publicRoom,
    member(BOB, BOB, 'lurk'),
    '"lurk" is not a membership',
  ),
  refuses(
    'a membership that is null is refused',
    '1,12',
    publicRoom,
    sets(BOB, 'm.room.member', { membership: null }, BOB),
    'null is not a membership',
  ),
  refuses(
    'a membership that is a list is refused',
    '1,12',
    publicRoom,
    sets(BOB, 'm.room.member', { membership: ['join'] }, BOB),
    'is not a membership',
  ),
]);

const rule = (joinRule: string, members: RoomInWords['members'] = {}): RoomInWords => ({ joinRule, members });

testRules('knocking', [
  allows('a stranger knocks', '7-12', rule('knock'), knocks(BOB)),
  allows('who left knocks', '7,12', rule('knock', { [BOB]: 'leave' }), knocks(BOB)),
  allows('a knock may be repeated', '7,12', rule('knock', { [BOB]: 'knock' }), knocks(BOB)),
  allows('knock_restricted lets a stranger knock', '10-12', rule('knock_restricted'), knocks(BOB)),
  refuses(
    'knock_restricted means nothing before it existed',
    '7-9',
    rule('knock_restricted'),
    knocks(BOB),
    'does not let users knock',
  ),
  refuses('knocking did not exist', '1-6', rule('knock'), knocks(BOB), 'no knocking'),
  refuses(
    'nobody knocks on a public room',
    '7,12',
    rule('public'),
    knocks(BOB),
    'the join rule "public" does not let users knock',
  ),
  refuses(
    'nobody knocks on an invite-only room',
    '7,10,12',
    rule('invite'),
    knocks(BOB),
    'does not let users knock',
  ),
  refuses(
    'nobody knocks on a restricted room',
    '8,12',
    rule('restricted'),
    knocks(BOB),
    'does not let users knock',
  ),
  refuses('nobody knocks where there are no join rules', '7,12', {}, knocks(BOB), 'the join rule "invite"'),
  refuses(
    'nobody knocks for another',
    '7,12',
    rule('knock', { [CAROL]: 'join' }),
    member(CAROL, BOB, 'knock'),
    'cannot knock for @bob:home',
  ),
  refuses(
    'a banned user does not knock',
    '7,10,12',
    rule('knock', { [BOB]: 'ban' }),
    knocks(BOB),
    '(membership: ban)',
  ),
  refuses(
    'an invited user does not knock',
    '7,12',
    rule('knock', { [BOB]: 'invite' }),
    knocks(BOB),
    '(membership: invite)',
  ),
  refuses(
    'a member does not knock',
    '7,12',
    rule('knock', { [BOB]: 'join' }),
    knocks(BOB),
    '(membership: join)',
  ),
]);
