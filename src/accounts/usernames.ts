import { invalidUsername } from '../matrix/errors.ts';
import {
  localpartOf,
  makeUserId,
  parseUserId,
  serverNameOf,
  type ServerName,
  type UserId,
} from '../matrix/identifiers.ts';

/**
 * The user id that a person gets who asks for `username`: capitals A–Z become small ones. Throws 400
 * M_INVALID_USERNAME for what the grammar forbids, for digits only (guests have those) and, unless `anyName`, for
 * a leading underscore, which marks users of bridges and of the server itself.
 * https://spec.matrix.org/v1.19/appendices/#user-identifiers
 */
export function chooseUserId(
  username: string,
  serverName: ServerName,
  options?: { readonly anyName: boolean },
): UserId {
  const localpart = lowerAscii(username);
  const userId = makeUserId(localpart, serverName);
  if (userId === undefined) {
    throw invalidUsername(
      'A username may hold the letters a–z, digits and . _ = - / + and must not be too long',
    );
  }
  if (/^[0-9]+$/.test(localpart)) throw invalidUsername('Usernames of digits only are reserved for guests');
  if (localpart.startsWith('_') && options?.anyName !== true) {
    throw invalidUsername('Usernames that begin with an underscore are reserved');
  }
  return userId;
}

/** The user of this server that `user`, a full user id or a localpart in any case, may stand for. */
export function findNamedUser(user: string, serverName: ServerName): UserId | undefined {
  if (!user.startsWith('@')) return parseUserId(`@${lowerAscii(user)}:${serverName}`);
  const userId = parseUserId(user);
  if (userId === undefined || serverNameOf(userId) !== serverName) return undefined;
  return parseUserId(`@${lowerAscii(localpartOf(userId))}:${serverName}`);
}

/** Letters beyond ASCII keep their case: lowering them could turn one user's name into another's. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
