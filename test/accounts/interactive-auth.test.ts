import assert from 'node:assert/strict';
import {
  authenticateInteractively,
  type GuardedRequest,
  type InteractiveAuthResult,
} from '../../src/accounts/interactive-auth.ts';
import { sweepExpired } from '../../src/accounts/expiry.ts';
import { insertRegistrationToken } from '../../src/storage/registration-tokens.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { makeUser, shareAccountWorld, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

const PASSWORD = { type: 'm.login.password', password: 'secret' };

/** One request of a user's, with whatever it says in `auth`. */
function guarded(
  user: GuardedRequest['user'],
  auth: JsonObject | undefined,
  more: JsonObject = {},
): GuardedRequest {
  return {
    action: 'deleteDevices',
    flows: [['m.login.password']],
    user,
    body: { devices: ['A', 'B'], ...more, ...(auth === undefined ? {} : { auth }) },
    binding: 'fixed',
  };
}

function challenge(result: InteractiveAuthResult): JsonObject {
  assert.equal(result.kind, 'challenge');
  return result.body;
}

function sessionIn(body: JsonObject): string {
  const { session } = body;
  assert.ok(typeof session === 'string');
  return session;
}

async function begin(world: AccountWorld, user: GuardedRequest['user']): Promise<string> {
  return sessionIn(challenge(await authenticateInteractively(world, guarded(user, undefined))));
}

describe('user-interactive authentication', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('first answers flows, params and a session, and no error', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const body = challenge(await authenticateInteractively(world, guarded(alice, undefined)));
    assert.deepEqual(Object.keys(body).sort(), ['flows', 'params', 'session']);
    assert.deepEqual(body['flows'], [{ stages: ['m.login.password'] }]);
    assert.deepEqual(body['params'], {});
  });

  it('passes by the password within a session, once', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const session = await begin(world, alice);
    const request = guarded(alice, { ...PASSWORD, session });
    assert.equal((await authenticateInteractively(world, request)).kind, 'passed');
    const again = challenge(await authenticateInteractively(world, request));
    assert.notEqual(again['session'], session);
    assert.equal(again['errcode'], 'M_FORBIDDEN');
  });

  it('passes by a password in the very first request, however the user is named', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    for (const name of [
      {},
      { user: 'alice' },
      { user: '@alice:test' },
      { identifier: { type: 'm.id.user', user: 'alice' } },
    ]) {
      const result = await authenticateInteractively(world, guarded(alice, { ...PASSWORD, ...name }));
      assert.equal(result.kind, 'passed');
    }
  });

  it('answers a wrong password with the error and the same session', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const session = await begin(world, alice);
    const wrong = { ...PASSWORD, password: 'wrong', session };
    const body = challenge(await authenticateInteractively(world, guarded(alice, wrong)));
    assert.deepEqual([body['session'], body['errcode'], body['completed']], [session, 'M_FORBIDDEN', []]);
    assert.equal(typeof body['error'], 'string');
    assert.ok(body['flows'] && body['params']);
    const right = await authenticateInteractively(world, guarded(alice, { ...PASSWORD, session }));
    assert.equal(right.kind, 'passed');
  });

  it('is refused to somebody else, with the right password of theirs', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await makeUser(world, 'bob');
    const asBob = guarded(alice, { ...PASSWORD, identifier: { type: 'm.id.user', user: 'bob' } });
    await assert.rejects(authenticateInteractively(world, asBob), refusal(403, 'M_FORBIDDEN'));
  });

  it('is bound to the user, the action and the request', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const bob = await makeUser(world, 'bob');
    const session = await begin(world, alice);
    const auth = { ...PASSWORD, session };
    for (const request of [
      guarded(bob, auth),
      { ...guarded(alice, auth), action: 'deactivateAccount' },
      guarded(alice, auth, { devices: ['A', 'B', 'C'] }),
    ]) {
      await assert.rejects(authenticateInteractively(world, request), refusal(403, 'M_FORBIDDEN'));
    }
    assert.equal((await authenticateInteractively(world, guarded(alice, auth))).kind, 'passed');
  });

  it('knows the same request by any order of its keys', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const request = guarded(alice, undefined, { a: { x: 1, y: 2 }, b: 1 });
    const { session = '' } = challenge(await authenticateInteractively(world, request));
    const reordered = {
      ...request,
      body: { b: 1, a: { y: 2, x: 1 }, auth: { ...PASSWORD, session }, devices: ['A', 'B'] },
    };
    assert.equal((await authenticateInteractively(world, reordered)).kind, 'passed');
  });

  it('takes the stages of a flow in order, remembers them, and lets the client ask', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const flows = [['m.login.password', 'm.login.dummy']] as const;
    const step = (auth: JsonObject): Promise<InteractiveAuthResult> =>
      authenticateInteractively(world, { ...guarded(alice, auth), flows });
    const skipped = challenge(await step({ type: 'm.login.dummy' }));
    assert.equal(skipped['errcode'], 'M_UNRECOGNIZED');
    const session = sessionIn(skipped);
    const half = challenge(await step({ ...PASSWORD, session }));
    assert.deepEqual([half['completed'], half['errcode']], [['m.login.password'], undefined]);
    assert.deepEqual(challenge(await step({ session }))['completed'], ['m.login.password']);
    assert.deepEqual(challenge(await step({ ...PASSWORD, session }))['completed'], ['m.login.password']);
    assert.equal((await step({ type: 'm.login.dummy', session })).kind, 'passed');
  });

  it('refuses types that no flow has, and malformed attempts', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const odd = challenge(await authenticateInteractively(world, guarded(alice, { type: 'm.login.dummy' })));
    assert.equal(odd['errcode'], 'M_UNRECOGNIZED');
    const noPassword = guarded(alice, { type: 'm.login.password' });
    await assert.rejects(authenticateInteractively(world, noPassword), refusal(400, 'M_MISSING_PARAM'));
    for (const auth of [{ session: 1 }, { type: [] }, { session: 'a\0b' }]) {
      await assert.rejects(
        authenticateInteractively(world, guarded(alice, auth)),
        refusal(400, 'M_BAD_JSON'),
      );
    }
  });

  it('forgets a session after half an hour', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const session = await begin(world, alice);
    world.clock.advance(30 * 60 * 1000);
    const late = challenge(await authenticateInteractively(world, guarded(alice, { ...PASSWORD, session })));
    assert.notEqual(late['session'], session);
    await sweepExpired(world);
    const { rows } = await world.test.database.pool.query('select session_id from uia_sessions');
    assert.deepEqual(rows, [{ session_id: late['session'] }]);
  });

  it('lets only one of two requests through that complete a session at once', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    for (let round = 0; round < 10; round++) {
      const request = guarded(alice, { ...PASSWORD, session: await begin(world, alice) });
      const results = await Promise.all([1, 2, 3, 4].map(() => authenticateInteractively(world, request)));
      assert.equal(results.filter((result) => result.kind === 'passed').length, 1);
    }
  });

  it('passes by a registration token that is good, and says which', async () => {
    const world = shared();
    await insertRegistrationToken(world.db, { token: 'ticket', usesAllowed: 1, expiresTs: undefined });
    const step = (token: string): Promise<InteractiveAuthResult> =>
      authenticateInteractively(world, {
        action: 'register',
        flows: [['m.login.registration_token']],
        user: undefined,
        body: { auth: { type: 'm.login.registration_token', token } },
        binding: 'open',
      });
    assert.equal(challenge(await step('other'))['errcode'], 'M_FORBIDDEN');
    assert.deepEqual(await step('ticket'), { kind: 'passed', registrationToken: 'ticket' });
  });
});
