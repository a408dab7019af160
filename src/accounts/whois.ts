import { forbidden, invalidParam, notFound } from '../matrix/errors.ts';
import { serverNameOf, type ServerName, type UserId } from '../matrix/identifiers.ts';
import { findAccount } from '../storage/accounts.ts';
import type { Db } from '../storage/database.ts';
import { listConnections } from '../storage/sessions.ts';
import type { JsonObject } from '../util/json.ts';

/**
 * From where, when and with what a user was last seen, by device: for administrators and for the user. Throws
 * 403 M_FORBIDDEN for everybody else, 400 M_INVALID_PARAM for users of other servers, 404 M_NOT_FOUND for unknown users.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid
 */
export async function lookUpUser(
  deps: { readonly db: Db; readonly serverName: ServerName },
  asker: { readonly userId: UserId; readonly isAdmin: boolean },
  userId: UserId,
): Promise<JsonObject> {
  if (asker.userId !== userId && !asker.isAdmin)
    throw forbidden('Only server administrators may look up other users');
  if (serverNameOf(userId) !== deps.serverName) throw invalidParam(`${userId} is a user of another server`);
  const account = await findAccount(deps.db, userId);
  if (account === undefined) throw notFound(`There is no account of ${userId}`);
  const devices = await listConnections(deps.db, account.userNid);
  return {
    user_id: userId,
    devices: Object.fromEntries(
      devices.map(({ deviceId, lastSeenTs, ip, userAgent }) => [
        deviceId,
        {
          sessions: [
            {
              connections: [
                {
                  ...(ip === undefined ? {} : { ip }),
                  ...(lastSeenTs === undefined ? {} : { last_seen: lastSeenTs }),
                  ...(userAgent === undefined ? {} : { user_agent: userAgent }),
                },
              ],
            },
          ],
        },
      ]),
    ),
  };
}
