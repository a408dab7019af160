import { createHmac } from 'node:crypto';
import {
  REGISTRATION_SHARED_SECRET,
  succeed,
  textAt,
  userIn,
  type TestServer,
  type TestUser,
} from './server.ts';

type Reachable = Pick<TestServer, 'baseUrl'>;
type Restriction = 'lock' | 'suspend' | 'shadow_ban';

/** Makes an administrator and logs them in. */
export async function registerAdmin(server: Reachable, localpart: string): Promise<TestUser> {
  const path = '/_synapse/admin/v1/register';
  const nonce = textAt(await succeed(server, 'GET', path), 'nonce');
  const password = `the password of ${localpart}`;
  const mac = createHmac('sha1', REGISTRATION_SHARED_SECRET)
    .update([nonce, localpart, password, 'admin'].join('\0'))
    .digest('hex');
  const body = { nonce, username: localpart, password, admin: true, mac };
  return userIn(await succeed(server, 'POST', path, { body }));
}

/** Restricts a user's account, or lifts that. */
export async function restrict(
  server: Reachable,
  admin: TestUser,
  user: TestUser,
  restriction: Restriction,
  isOn = true,
): Promise<void> {
  const userId = encodeURIComponent(user.userId);
  if (restriction === 'shadow_ban') {
    const path = `/_synapse/admin/v1/users/${userId}/shadow_ban`;
    await succeed(server, isOn ? 'POST' : 'DELETE', path, { token: admin });
    return;
  }
  const body = restriction === 'lock' ? { locked: isOn } : { suspended: isOn };
  await succeed(server, 'PUT', `/_matrix/client/v1/admin/${restriction}/${userId}`, { token: admin, body });
}
