import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../../util/json.ts';
import { type MatrixEvent, stateSlot } from '../event.ts';
import type { UserId } from '../identifiers.ts';
import { membershipOf } from '../power-levels.ts';
import { listSignatureKeyIds, verifySignedJson } from '../signing.ts';
import type { AuthCheck } from './auth-check.ts';
import { ALLOWED, type AuthVerdict, refuse } from './verdict.ts';

/**
 * Rule 5.4.1: an invite that an identity server signed for, once the third-party id turned out to be a Matrix user.
 * https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
export function checkThirdPartyInvite(check: AuthCheck, target: UserId, invite: JsonValue): AuthVerdict {
  // 5.4.1.1 Not those who are banned.
  if (membershipOf(check.state, target) === 'ban') return refuse(`${target} is banned from the room`);

  // 5.4.1.2 and .3 What was signed names a user and a token.
  const signed = isJsonObject(invite) ? invite['signed'] : undefined;
  if (!isJsonObject(signed)) return refuse('third_party_invite has no signed object');
  const { mxid, token } = signed;
  if (typeof mxid !== 'string') return refuse('third_party_invite.signed has no mxid');
  if (typeof token !== 'string') return refuse('third_party_invite.signed has no token');

  // 5.4.1.4 The user is the invited one.
  if (mxid !== target) return refuse(`third_party_invite was signed for ${mxid}, not for ${target}`);

  // 5.4.1.5 The room has an invite with this token,
  const original = check.state(stateSlot('m.room.third_party_invite', token));
  if (original === undefined) return refuse(`the room has no m.room.third_party_invite with token ${token}`);

  // 5.4.1.6 which came from the same sender,
  if (original.sender !== check.event.sender) {
    return refuse(`the third-party invite came from ${original.sender}, not from ${check.event.sender}`);
  }

  // 5.4.1.7 and one of its keys made one of the signatures.
  if (isSignedByAny(signed, publicKeysOf(original))) return ALLOWED;
  return refuse('no signature of third_party_invite.signed is by a public key of m.room.third_party_invite');
}

/** `public_key` and those in `public_keys`. */
function publicKeysOf(original: MatrixEvent): readonly string[] {
  const list = original.content['public_keys'];
  const entries = isJsonArray(list)
    ? list.map((entry) => (isJsonObject(entry) ? entry['public_key'] : undefined))
    : [];
  return [original.content['public_key'], ...entries].filter((key) => typeof key === 'string');
}

function isSignedByAny(signed: JsonObject, publicKeys: readonly string[]): boolean {
  const { signatures } = signed;
  if (!isJsonObject(signatures)) return false;
  return Object.keys(signatures).some((signer) =>
    listSignatureKeyIds(signed, signer)
      .filter((keyId) => keyId.startsWith('ed25519:'))
      .some((keyId) => publicKeys.some((publicKey) => verifySignedJson(signed, signer, keyId, publicKey))),
  );
}
