import type { JsonObject } from '../../src/util/json.ts';
import { succeed, userIn, type TestServer, type TestUser } from './server.ts';

/** What a user of `registerUser` logs in and confirms with. */
export function passwordOf({ userId }: Pick<TestUser, 'userId'>): JsonObject {
  const localpart = userId.slice(1, userId.indexOf(':'));
  return {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: localpart },
    password: `the password of ${localpart}`,
  };
}

/** Logs a user in once more, on a new device unless one is named. */
export async function logInAgain(
  server: Pick<TestServer, 'baseUrl'>,
  user: TestUser,
  deviceId?: string,
): Promise<TestUser> {
  const device = deviceId === undefined ? {} : { device_id: deviceId };
  const body = { ...passwordOf(user), ...device };
  return userIn(await succeed(server, 'POST', '/_matrix/client/v3/login', { body }));
}
