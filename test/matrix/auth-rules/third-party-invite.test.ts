import { signJson } from '../../../src/matrix/signing.ts';
import { makeSigningKey, type SigningKey } from '../../../src/matrix/signing-key.ts';
import type { JsonObject } from '../../../src/util/json.ts';
import { ALICE, BOB, CAROL, type EventInWords, member, type RoomInWords, sets } from './room-in-words.ts';
import { allows, refuses, testRules } from './rule-table.ts';

const key = keyOf('1', 1);
const otherKey = keyOf('1', 2);
const signed = signJson({ mxid: CAROL, token: 'token' }, 'identity.example', key);

function keyOf(version: string, byte: number): SigningKey {
  const made = makeSigningKey(version, new Uint8Array(32).fill(byte));
  if (made === undefined) throw new Error('a seed of 32 bytes makes a key');
  return made;
}

/** A room in which Bob invited somebody by e-mail. */
function room(content: JsonObject = { public_key: key.publicKey }, more: RoomInWords = {}): RoomInWords {
  return { ...more, also: [sets(BOB, 'm.room.third_party_invite', content, 'token')] };
}

function invites(by: JsonObject | string | null, sender = BOB): EventInWords {
  return member(sender, CAROL, 'invite', { third_party_invite: by });
}

testRules('inviting by third party', [
  allows('a signature by the public key invites', '1-12', room(), invites({ signed })),
  allows(
    'the one who invited need not be in the room any more',
    '1,12',
    room(undefined, { members: { [BOB]: 'leave' } }),
    invites({ signed }),
  ),
  allows(
    'the invite level is not asked again',
    '1,12',
    room(undefined, { levels: { invite: 100 } }),
    invites({ signed }),
  ),
  allows(
    'a signature by one of public_keys invites',
    '1,12',
    room({ public_keys: [{ public_key: otherKey.publicKey }, { public_key: key.publicKey }] }),
    invites({ signed }),
  ),
  allows(
    'public_keys are looked at beside public_key',
    '1,12',
    room({ public_key: otherKey.publicKey, public_keys: [{ public_key: key.publicKey }] }),
    invites({ signed }),
  ),
  allows(
    'one good signature among several is enough',
    '1,12',
    room(),
    invites({ signed: signJson(signed, 'other.example', otherKey) }),
  ),
  allows(
    'an invited user may be invited again',
    '1,12',
    room(undefined, { members: { [CAROL]: 'invite' } }),
    invites({ signed }),
  ),
  refuses(
    'a banned user is not invited',
    '1,6,12',
    room(undefined, { members: { [CAROL]: 'ban' } }),
    invites({ signed }),
    '@carol:home is banned',
  ),
  refuses(
    'third_party_invite is an object',
    '1,12',
    room(),
    invites('signed'),
    'third_party_invite has no signed object',
  ),
  refuses(
    'null is a third_party_invite without signed',
    '1,12',
    room(),
    invites(null),
    'has no signed object',
  ),
  refuses(
    'there must be something signed',
    '1,6,12',
    room(),
    invites({ display_name: 'c…' }),
    'has no signed object',
  ),
  refuses('what is signed is an object', '1,12', room(), invites({ signed: 'yes' }), 'has no signed object'),
  refuses(
    'what is signed names a user',
    '1,12',
    room(),
    invites({ signed: { token: 'token' } }),
    'has no mxid',
  ),
  refuses(
    'what is signed names a token',
    '1,12',
    room(),
    invites({ signed: { mxid: CAROL } }),
    'has no token',
  ),
  refuses(
    'the token is a string',
    '1,12',
    room(),
    invites({ signed: { mxid: CAROL, token: 5 } }),
    'has no token',
  ),
  refuses(
    'what is signed is for the invited user',
    '1,6,12',
    room(),
    invites({ signed: signJson({ mxid: ALICE, token: 'token' }, 'identity.example', key) }),
    'was signed for @alice:home, not for @carol:home',
  ),
  refuses(
    'the token is known to the room',
    '1,6,12',
    {},
    invites({ signed }),
    'no m.room.third_party_invite with token token',
  ),
  refuses(
    'another does not use the token',
    '1,6,12',
    room(undefined, { members: { [ALICE]: 'join' } }),
    invites({ signed }, ALICE),
    'came from @bob:home, not from @alice:home',
  ),
  refuses(
    'a signature by another key does not invite',
    '1,6,12',
    room({ public_key: otherKey.publicKey }),
    invites({ signed }),
    'no signature of third_party_invite.signed',
  ),
  refuses(
    'without signatures nobody is invited',
    '1,12',
    room(),
    invites({ signed: { mxid: CAROL, token: 'token' } }),
    'no signature',
  ),
  refuses(
    'signatures are an object',
    '1,12',
    room(),
    invites({ signed: { mxid: CAROL, token: 'token', signatures: [] } }),
    'no signature',
  ),
  refuses(
    'an altered text is not signed',
    '1,12',
    room(),
    invites({ signed: { ...signed, more: true } }),
    'no signature',
  ),
  refuses('a revoked invite has no keys', '1,12', room({}), invites({ signed }), 'no signature'),
  refuses(
    'a key that is no key is no key',
    '1,12',
    room({ public_key: 'x', public_keys: ['y', { public_key: 5 }] }),
    invites({ signed }),
    'no signature',
  ),
  refuses(
    'a key of another algorithm does not count',
    '1,12',
    room(),
    invites({
      signed: {
        mxid: CAROL,
        token: 'token',
        signatures: { 'identity.example': { 'rsa:1': signed.signatures['identity.example']?.['ed25519:1'] } },
      },
    }),
    'no signature',
  ),
]);
