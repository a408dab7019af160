import { isJsonArray, isJsonObject } from '../util/json.ts';
import { serverNameOf, type UserId } from './identifiers.ts';
import { compileGlob } from './push-rules/glob.ts';

/**
 * The types of account data in which a user says who may invite them, those that look closest first.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4155 and
 * https://spec.matrix.org/v1.19/client-server-api/#invite-permission
 */
const FILTERS = 'org.matrix.msc4155.invite_permission_config';
const PERMISSION = 'm.invite_permission_config';
export const INVITE_PERMISSION_TYPES: readonly string[] = [FILTERS, PERMISSION];

/** What becomes of an invite: it arrives, arrives and is not shown, or is refused. */
export type InviteVerdict = 'allow' | 'ignore' | 'block';

/** What a user's account data says of invites by somebody, by type; what is malformed in it says nothing. */
export function judgeInvite(contents: ReadonlyMap<string, unknown>, inviter: UserId): InviteVerdict {
  const filters = contents.get(FILTERS);
  const permission = contents.get(PERMISSION);
  const isListed = (list: string): boolean =>
    matchesOne(filters, `${list}_users`, inviter) ||
    matchesOne(filters, `${list}_servers`, serverNameOf(inviter));
  if (isListed('allowed')) return 'allow';
  if (isListed('ignored')) return 'ignore';
  if (isListed('blocked')) return 'block';
  return isJsonObject(permission) && permission['default_action'] === 'block' ? 'block' : 'allow';
}

function matchesOne(filters: unknown, key: string, name: string): boolean {
  const globs = isJsonObject(filters) ? filters[key] : undefined;
  if (!isJsonArray(globs)) return false;
  return globs.some((glob) => typeof glob === 'string' && compileGlob(glob).matchesAll(name));
}
