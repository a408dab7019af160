import assert from 'node:assert/strict';
import {
  checkRegistrationToken,
  checkUsernameFree,
  registerGuest,
  registerUser,
  type RegistrationResult,
} from '../../src/accounts/register.ts';
import { findAccount } from '../../src/storage/accounts.ts';
import { insertRegistrationToken } from '../../src/storage/registration-tokens.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { makeUser, ORIGIN, shareAccountWorld, userId, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

const SESSION = { deviceId: undefined, displayName: undefined, refreshable: false };
const DUMMY = { type: 'm.login.dummy' };

function register(
  world: AccountWorld,
  username: string | undefined,
  auth: JsonObject | undefined = DUMMY,
  password: string | undefined = 'secret',
): Promise<RegistrationResult> {
  const body = { username, password, ...(auth === undefined ? {} : { auth }) };
  return registerUser(world, { username, password, session: SESSION, body }, ORIGIN);
}

const withToken = (token: string): JsonObject => ({ type: 'm.login.registration_token', token });

describe('registration', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('makes an account and logs it in', async () => {
    const world = shared();
    const result = await register(world, 'Alice');
    assert.ok(result.kind === 'registered' && result.login !== undefined);
    assert.equal(result.userId, '@alice:test');
    const requester = await world.authenticator.authenticate(result.login.accessToken, ORIGIN);
    assert.deepEqual([requester.userId, requester.isGuest, requester.isAdmin], ['@alice:test', false, false]);
  });

  it('makes up a name where none is given', async () => {
    const first = await register(shared(), undefined);
    const second = await register(shared(), undefined);
    assert.ok(first.kind === 'registered' && second.kind === 'registered');
    assert.match(first.userId, /^@[a-z]{12}:test$/);
    assert.notEqual(first.userId, second.userId);
  });

  it('without a login gives neither device nor token', async () => {
    const world = shared();
    const request = { username: 'quiet', password: 'secret', session: undefined, body: { auth: DUMMY } };
    const result = await registerUser(world, request, ORIGIN);
    assert.deepEqual(result, { kind: 'registered', userId: '@quiet:test', login: undefined });
  });

  it('judges the name before it asks for authentication', async () => {
    const world = shared();
    await makeUser(world, 'alice');
    await assert.rejects(
      registerUser(world, { username: 'alice', password: 'x', session: SESSION, body: {} }, ORIGIN),
      refusal(400, 'M_USER_IN_USE'),
    );
    await assert.rejects(register(world, 'al ice'), refusal(400, 'M_INVALID_USERNAME'));
  });

  it('needs a password that is not empty, and not without end', async () => {
    const world = shared();
    const noPassword = { username: 'a', password: undefined, session: SESSION, body: { auth: DUMMY } };
    await assert.rejects(registerUser(world, noPassword, ORIGIN), refusal(400, 'M_MISSING_PARAM'));
    await assert.rejects(register(world, 'a', DUMMY, ''), refusal(400, 'M_WEAK_PASSWORD'));
    await assert.rejects(register(world, 'a', DUMMY, 'x'.repeat(513)), refusal(400, 'M_INVALID_PARAM'));
    assert.equal(await findAccount(world.db, userId('@a:test')), undefined);
  });

  it('gives a name to one of those who ask for it at the same time', async () => {
    const world = shared();
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => register(world, 'wanted')));
    assert.equal(attempts.filter((attempt) => attempt.status === 'fulfilled').length, 1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') refusal(400, 'M_USER_IN_USE')(attempt.reason);
    }
  });

  it('is refused where it is closed, to guests as well', async () => {
    const closed = { ...shared(), registration: 'closed' as const };
    await assert.rejects(register(closed, 'alice'), refusal(403, 'M_FORBIDDEN'));
    await assert.rejects(checkRegistrationToken(closed, 'any'), refusal(403, 'M_FORBIDDEN'));
    await assert.rejects(
      registerGuest(closed, { displayName: undefined }, ORIGIN),
      refusal(403, 'M_GUEST_ACCESS_FORBIDDEN'),
    );
  });

  it('says which names are free', async () => {
    const world = shared();
    await makeUser(world, 'alice');
    assert.equal(await checkUsernameFree(world, 'bob'), '@bob:test');
    await assert.rejects(checkUsernameFree(world, 'Alice'), refusal(400, 'M_USER_IN_USE'));
    await assert.rejects(checkUsernameFree(world, 'a,b'), refusal(400, 'M_INVALID_USERNAME'));
  });
});

describe('registration by token', () => {
  const shared = shareAccountWorld({ registration: 'token', connections: 8 });

  it('is refused without a token that is good', async () => {
    for (const auth of [DUMMY, withToken('made-up'), undefined]) {
      assert.equal((await register(shared(), 'alice', auth)).kind, 'challenge');
    }
  });

  it('takes as many as the token is good for, even at once', async () => {
    const world = shared();
    await insertRegistrationToken(world.db, { token: 'twice', usesAllowed: 2, expiresTs: undefined });
    const names = ['a', 'b', 'c', 'd'];
    const attempts = await Promise.allSettled(names.map((name) => register(world, name, withToken('twice'))));
    const made = attempts.filter(
      (attempt) => attempt.status === 'fulfilled' && attempt.value.kind === 'registered',
    );
    assert.equal(made.length, 2);
    const accounts = await Promise.all(names.map((name) => findAccount(world.db, userId(`@${name}:test`))));
    assert.equal(accounts.filter((account) => account !== undefined).length, 2);
    assert.equal(await checkRegistrationToken(world, 'twice'), false);
  });

  it('does not use the token up for a name that is taken', async () => {
    const world = shared();
    await insertRegistrationToken(world.db, { token: 'once', usesAllowed: 1, expiresTs: undefined });
    await makeUser(world, 'alice');
    await assert.rejects(register(world, 'alice', withToken('once')), refusal(400, 'M_USER_IN_USE'));
    assert.equal(await checkRegistrationToken(world, 'once'), true);
  });

  it('ends when the token does', async () => {
    const world = shared();
    const expiresTs = world.clock.nowMs() + 1000;
    await insertRegistrationToken(world.db, { token: 'brief', usesAllowed: undefined, expiresTs });
    assert.equal(await checkRegistrationToken(world, 'brief'), true);
    world.clock.advance(1000);
    assert.equal(await checkRegistrationToken(world, 'brief'), false);
    assert.equal((await register(world, 'alice', withToken('brief'))).kind, 'challenge');
  });
});

describe('guests', () => {
  const shared = shareAccountWorld();

  it('are numbered, have no password, and are known as guests', async () => {
    const world = shared();
    const first = await registerGuest(world, { displayName: 'a kiosk' }, ORIGIN);
    const second = await registerGuest(world, { displayName: undefined }, ORIGIN);
    assert.match(first.userId, /^@[0-9]+:test$/);
    assert.notEqual(first.userId, second.userId);
    const requester = await world.authenticator.authenticate(first.login?.accessToken ?? '', ORIGIN);
    assert.equal(requester.isGuest, true);
    assert.equal((await findAccount(world.db, first.userId))?.passwordHash, undefined);
  });
});
