import { ALICE, BOB, CAROL, leaves, member, type RoomInWords, ZOE } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const kick = (sender: string, target: string) => member(sender, target, 'leave');
const ban = (sender: string, target: string) => member(sender, target, 'ban');
const of = (
  levels: Readonly<Record<string, number>>,
  members: Readonly<Record<string, string>>,
  more: RoomInWords['levels'] = {},
): RoomInWords => ({ levels: { users: levels, ...more }, members });

testRules('leaving', [
  allows('a member leaves', '1-12', { members: { [BOB]: 'join' } }, leaves(BOB)),
  allows('an invited user declines', '1,6,12', { members: { [BOB]: 'invite' } }, leaves(BOB)),
  allows('who knocked takes the knock back', '7-12', { members: { [BOB]: 'knock' } }, leaves(BOB)),
  refuses(
    'a knock that cannot be is not taken back',
    '1,6',
    { members: { [BOB]: 'knock' } },
    leaves(BOB),
    'nothing to leave',
  ),
  refuses(
    'a stranger has nothing to leave',
    '1,7,12',
    {},
    leaves(BOB),
    'nothing to leave (membership: none)',
  ),
  refuses(
    'who left does not leave again',
    '1,7,12',
    { members: { [BOB]: 'leave' } },
    leaves(BOB),
    '(membership: leave)',
  ),
  refuses(
    'a ban is not left by leaving',
    '1-12',
    { members: { [BOB]: 'ban' } },
    leaves(BOB),
    '(membership: ban)',
  ),
  refuses(
    'nobody unbans themselves, powerful as they are',
    '1,12',
    of({ [BOB]: 100 }, { [BOB]: 'ban' }),
    leaves(BOB),
    '(membership: ban)',
  ),
  allows('the creator may leave the room', '1,12', {}, leaves(ALICE)),
]);

testRules('kicking', [
  allows(
    'a moderator kicks a member',
    '1-12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'join' }),
    kick(BOB, CAROL),
  ),
  allows(
    'a moderator takes an invite back',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'invite' }),
    kick(BOB, CAROL),
  ),
  allows(
    'a moderator rejects a knock',
    '7,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'knock' }),
    kick(BOB, CAROL),
  ),
  allows(
    'a moderator kicks a user of another server',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [ZOE]: 'join' }),
    kick(BOB, ZOE),
  ),
  allows(
    'a moderator kicks a user who never was there',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join' }),
    kick(BOB, CAROL),
  ),
  refuses(
    'a member below the kick level does not kick',
    '1,6,10,12',
    of({ [BOB]: 49 }, { [BOB]: 'join', [CAROL]: 'join' }),
    kick(BOB, CAROL),
    "sender's power level 49 is below the 50 required to kick",
  ),
  refuses(
    'peers do not kick each other',
    '1,6,10,12',
    of({ [BOB]: 50, [CAROL]: 50 }, { [BOB]: 'join', [CAROL]: 'join' }),
    kick(BOB, CAROL),
    "sender's power level 50 is not above the 50 of @carol:home",
  ),
  refuses(
    'nobody kicks those above them',
    '1,12',
    of({ [BOB]: 50, [CAROL]: 51 }, { [BOB]: 'join', [CAROL]: 'join' }),
    kick(BOB, CAROL),
    'is not above the 51',
  ),
  refuses(
    'who left kicks nobody',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'leave', [CAROL]: 'join' }),
    kick(BOB, CAROL),
    'is not joined and cannot remove others',
  ),
  refuses(
    'an invited moderator kicks nobody',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'invite', [CAROL]: 'join' }),
    kick(BOB, CAROL),
    '(membership: invite)',
  ),
  refuses(
    'a stranger kicks nobody',
    '1,12',
    of({ [BOB]: 50 }, { [CAROL]: 'join' }),
    kick(BOB, CAROL),
    '(membership: none)',
  ),
  allows(
    'a kick level of its own counts',
    '1,12',
    of({ [BOB]: 10 }, { [BOB]: 'join', [CAROL]: 'join' }, { kick: 10 }),
    kick(BOB, CAROL),
  ),
  allows(
    'a kick level may be written as text',
    '1,9',
    of({ [BOB]: 10 }, { [BOB]: 'join', [CAROL]: 'join' }, { kick: ' 010 ' }),
    kick(BOB, CAROL),
  ),
  allows(
    'without power levels the creator kicks',
    '1,11,12',
    { members: { [BOB]: 'join' } },
    kick(ALICE, BOB),
  ),
  refuses(
    'without power levels others do not kick',
    '1,12',
    { members: { [BOB]: 'join', [CAROL]: 'join' } },
    kick(BOB, CAROL),
    'level 0 is below the 50',
  ),
  allows(
    'a creator kicks a user of the highest level',
    '12',
    of({ [BOB]: 9007199254740991 }, { [BOB]: 'join' }),
    kick(ALICE, BOB),
  ),
  refuses(
    'the highest level does not kick a creator',
    '12',
    of({ [BOB]: 9007199254740991 }, { [BOB]: 'join' }),
    kick(BOB, ALICE),
    'is not above the infinite of @alice:home',
  ),
  refuses(
    'creators do not kick each other',
    '12',
    { create: { additional_creators: [BOB] }, members: { [BOB]: 'join' } },
    kick(BOB, ALICE),
    "sender's power level infinite is not above the infinite",
  ),
  allows(
    'before creators were privileged a higher level kicks the creator',
    '1,11',
    of({ [BOB]: 101, [ALICE]: 100 }, { [BOB]: 'join' }),
    kick(BOB, ALICE),
  ),
]);

testRules('unbanning', [
  allows(
    'a moderator unbans',
    '1-12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'ban' }),
    kick(BOB, CAROL),
  ),
  refuses(
    'an unban asks for the ban level',
    '1,6,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'ban' }, { ban: 60 }),
    kick(BOB, CAROL),
    'level 50 is below the 60 required to unban',
  ),
  refuses(
    'an unban asks for the kick level too',
    '1,6,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'ban' }, { kick: 60 }),
    kick(BOB, CAROL),
    'level 50 is below the 60 required to kick',
  ),
  refuses(
    'an unban asks for more power than the banned user has',
    '1,12',
    of({ [BOB]: 50, [CAROL]: 50 }, { [BOB]: 'join', [CAROL]: 'ban' }),
    kick(BOB, CAROL),
    'is not above the 50',
  ),
  refuses(
    'who was banned too unbans nobody',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'ban', [CAROL]: 'ban' }),
    kick(BOB, CAROL),
    '(membership: ban)',
  ),
]);

testRules('banning', [
  allows(
    'a moderator bans a member',
    '1-12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'join' }),
    ban(BOB, CAROL),
  ),
  allows('a moderator bans a stranger', '1,12', of({ [BOB]: 50 }, { [BOB]: 'join' }), ban(BOB, CAROL)),
  allows(
    'a moderator bans the banned again, as for a new reason',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'ban' }),
    ban(BOB, CAROL),
  ),
  allows(
    'a moderator bans an invited user',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'invite' }),
    ban(BOB, CAROL),
  ),
  refuses(
    'a member below the ban level does not ban',
    '1,6,10,12',
    of({ [BOB]: 49 }, { [BOB]: 'join', [CAROL]: 'join' }),
    ban(BOB, CAROL),
    "sender's power level 49 is below the 50 required to ban",
  ),
  refuses(
    'peers do not ban each other',
    '1,12',
    of({ [BOB]: 50, [CAROL]: 50 }, { [BOB]: 'join', [CAROL]: 'join' }),
    ban(BOB, CAROL),
    'is not above the 50',
  ),
  refuses(
    'nobody bans those above them',
    '1,12',
    of({ [BOB]: 50, [CAROL]: 75 }, { [BOB]: 'join', [CAROL]: 'join' }),
    ban(BOB, CAROL),
    'is not above the 75',
  ),
  refuses(
    'nobody bans themselves',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join' }),
    ban(BOB, BOB),
    'is not above the 50',
  ),
  refuses(
    'who left bans nobody',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'leave', [CAROL]: 'join' }),
    ban(BOB, CAROL),
    'cannot ban others (membership: leave)',
  ),
  refuses(
    'a stranger bans nobody',
    '1,12',
    of({ [BOB]: 50 }, { [CAROL]: 'join' }),
    ban(BOB, CAROL),
    '(membership: none)',
  ),
  allows(
    'a ban level of its own counts',
    '1,12',
    of({ [BOB]: 5 }, { [BOB]: 'join' }, { ban: 5 }),
    ban(BOB, CAROL),
  ),
  refuses(
    'the default level of users protects them',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join', [CAROL]: 'join' }, { users_default: 50 }),
    ban(BOB, CAROL),
    'is not above the 50',
  ),
  refuses(
    'the highest level does not ban a creator',
    '12',
    of({ [BOB]: 9007199254740991 }, { [BOB]: 'join' }),
    ban(BOB, ALICE),
    'the infinite of @alice:home',
  ),
  refuses(
    'a creator does not ban an additional creator',
    '12',
    { create: { additional_creators: [BOB] } },
    ban(ALICE, BOB),
    'is not above the infinite',
  ),
  allows(
    'a kick level above the sender does not stop a ban',
    '1,12',
    of({ [BOB]: 50 }, { [BOB]: 'join' }, { kick: 100 }),
    ban(BOB, CAROL),
  ),
]);
