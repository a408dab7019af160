import { ALICE, BOB, CAROL, member, type RoomInWords, ZOE } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const invite = (sender: string, target: string) => member(sender, target, 'invite');
const joinedBob = (more: RoomInWords = {}): RoomInWords => ({
  ...more,
  members: { [BOB]: 'join', ...more.members },
});

testRules('inviting', [
  allows('a member invites a stranger', '1-12', joinedBob(), invite(BOB, CAROL)),
  allows('a member invites a user of another server', '1,12', joinedBob(), invite(BOB, ZOE)),
  allows(
    'who left may be invited again',
    '1,12',
    joinedBob({ members: { [CAROL]: 'leave' } }),
    invite(BOB, CAROL),
  ),
  allows(
    'an invite may be repeated',
    '1,12',
    joinedBob({ members: { [CAROL]: 'invite' } }),
    invite(BOB, CAROL),
  ),
  allows(
    'a knock is answered by an invite',
    '7-12',
    joinedBob({ members: { [CAROL]: 'knock' } }),
    invite(BOB, CAROL),
  ),
  refuses(
    'a member is not invited',
    '1,6,12',
    joinedBob({ members: { [CAROL]: 'join' } }),
    invite(BOB, CAROL),
    '@carol:home cannot be invited (membership: join)',
  ),
  refuses(
    'a banned user is not invited',
    '1,6,12',
    joinedBob({ members: { [CAROL]: 'ban' } }),
    invite(BOB, CAROL),
    'cannot be invited (membership: ban)',
  ),
  refuses(
    'nobody invites themselves into a room they are in',
    '1,12',
    joinedBob(),
    invite(BOB, BOB),
    'cannot be invited (membership: join)',
  ),
  refuses(
    'a stranger invites nobody',
    '1,6,12',
    {},
    invite(BOB, CAROL),
    '@bob:home is not joined and cannot invite (membership: none)',
  ),
  refuses(
    'a stranger does not invite themselves',
    '1,12',
    {},
    invite(BOB, BOB),
    'is not joined and cannot invite',
  ),
  refuses(
    'an invited user invites nobody',
    '1,12',
    { members: { [BOB]: 'invite' } },
    invite(BOB, CAROL),
    '(membership: invite)',
  ),
  refuses(
    'who left invites nobody',
    '1,12',
    { members: { [BOB]: 'leave' } },
    invite(BOB, CAROL),
    '(membership: leave)',
  ),
  refuses(
    'who was banned invites nobody',
    '1,12',
    { members: { [BOB]: 'ban' } },
    invite(BOB, CAROL),
    '(membership: ban)',
  ),
  refuses(
    'the invite level counts',
    '1,6,10,12',
    joinedBob({ levels: { invite: 50 } }),
    invite(BOB, CAROL),
    "sender's power level 0 is below the 50 required to invite",
  ),
  allows(
    'who reaches the invite level invites',
    '1,12',
    joinedBob({ levels: { invite: 50, users: { [BOB]: 50 } } }),
    invite(BOB, CAROL),
  ),
  allows(
    'without an invite level anybody of level 0 invites',
    '1,12',
    joinedBob({ levels: { users: { [ALICE]: 100 } } }),
    invite(BOB, CAROL),
  ),
  refuses(
    'who is below 0 does not invite',
    '1,12',
    joinedBob({ levels: { users: { [BOB]: -1 } } }),
    invite(BOB, CAROL),
    'level -1 is below the 0',
  ),
  allows(
    'the level of the event type does not count for invites',
    '1,12',
    joinedBob({ levels: { events: { 'm.room.member': 100 }, state_default: 100 } }),
    invite(BOB, CAROL),
  ),
  allows(
    'an invite may name somebody of more power',
    '1,12',
    joinedBob({ levels: { users: { [CAROL]: 100 } } }),
    invite(BOB, CAROL),
  ),
  allows(
    'a creator invites whatever the level',
    '12',
    { levels: { invite: 9007199254740991 } },
    invite(ALICE, BOB),
  ),
  allows(
    'an additional creator who is joined invites',
    '12',
    joinedBob({ create: { additional_creators: [BOB] }, levels: { invite: 100 } }),
    invite(BOB, CAROL),
  ),
]);
