import assert from 'node:assert/strict';
import {
  registerUser,
  request,
  startTestServer,
  succeed,
  type TestServer,
  type TestUser,
} from '../support/server.ts';

const C = '/_matrix/client/v3';

/** Somebody who is here and shares no room with who asks, or a name that nobody has. */
interface Question {
  readonly what: string;
  readonly method: string;
  readonly path: (userId: string) => string;
  readonly body?: (userId: string) => object;
  readonly without?: 'token';
}

const escaped = encodeURIComponent;
const login = (userId: string, password: string): object => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: userId },
  password,
});

/**
 * What says nothing of who is here. What does by the specification is not in it: profiles (404), reports (404), whether a
 * name can be registered, that an account was deactivated (by /login), and keys of devices, which whoever wants to write to
 * somebody must find.
 */
const questions: readonly Question[] = [
  { what: 'their presence', method: 'GET', path: (userId) => `${C}/presence/${escaped(userId)}/status` },
  { what: 'their sessions', method: 'GET', path: (userId) => `${C}/admin/whois/${escaped(userId)}` },
  {
    what: 'rooms shared with them',
    method: 'GET',
    path: (userId) => `/_matrix/client/v1/mutual_rooms?user_id=${escaped(userId)}`,
  },
  {
    what: 'their account data',
    method: 'GET',
    path: (userId) => `${C}/user/${escaped(userId)}/account_data/m.direct`,
  },
  { what: 'their filters', method: 'GET', path: (userId) => `${C}/user/${escaped(userId)}/filter/1` },
  {
    what: 'what changes their profile',
    method: 'PUT',
    path: (userId) => `${C}/profile/${escaped(userId)}/displayname`,
    body: () => ({ displayname: 'mine' }),
  },
  {
    what: 'a token in their name',
    method: 'POST',
    path: (userId) => `${C}/user/${escaped(userId)}/openid/request_token`,
    body: () => ({}),
  },
  {
    what: 'a message to their devices',
    method: 'PUT',
    path: (userId) => `${C}/sendToDevice/m.x/${escaped(userId)}`,
    body: (userId) => ({ messages: { [userId]: { '*': {} } } }),
  },
  {
    what: 'people of their name',
    method: 'POST',
    path: () => `${C}/user_directory/search`,
    body: (userId) => ({ search_term: userId }),
  },
  {
    what: 'whether their account is locked',
    method: 'GET',
    path: (userId) => `/_matrix/client/v1/admin/lock/${escaped(userId)}`,
  },
  {
    what: 'a login with a wrong password',
    method: 'POST',
    path: () => `${C}/login`,
    body: (userId) => login(userId, 'a guess'),
    without: 'token',
  },
];

describe('who asks about a user they share no room with', () => {
  let server: TestServer;
  let stranger: TestUser;
  let somebody: TestUser;
  const NOBODY = '@nobody:localhost';
  before(async () => {
    server = await startTestServer();
    stranger = await registerUser(server, 'mallory');
    somebody = await registerUser(server, 'anybody');
    await succeed(server, 'PUT', `${C}/presence/${escaped(somebody.userId)}/status`, {
      token: somebody,
      body: { presence: 'online' },
    });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const { what, method, path, body, without } of questions) {
    it(`gets the same answer as about nobody when they want ${what}`, async () => {
      const answers = [somebody.userId, NOBODY].map(async (userId) => {
        const reply = await request(server, method, path(userId), {
          token: without === 'token' ? undefined : stranger,
          ...(body === undefined ? {} : { body: body(userId) }),
        });
        return [reply.status, JSON.stringify(reply.json).replaceAll(userId, 'USER')];
      });
      const [real, none] = await Promise.all(answers);
      assert.deepEqual(real, none);
    });
  }
});
