import assert from 'node:assert/strict';
import { changePassword } from '../../src/accounts/change-password.ts';
import { deactivateAccount } from '../../src/accounts/deactivate.ts';
import { sweepExpired } from '../../src/accounts/expiry.ts';
import { issueLoginToken, logInByToken } from '../../src/accounts/login-token.ts';
import type { LoggedIn } from '../../src/accounts/login-session.ts';
import { logOut, logOutEverywhere } from '../../src/accounts/logout.ts';
import { insertLoginToken } from '../../src/storage/login-tokens.ts';
import { hashToken } from '../../src/accounts/tokens.ts';
import { deviceId, makeUser, shareAccountWorld, ORIGIN, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

const SESSION = { deviceId: undefined, displayName: undefined, refreshable: false };
const PASSWORD = { type: 'm.login.password', password: 'secret' };
type Owner = Pick<LoggedIn & { readonly userNid: number }, 'userId' | 'userNid'>;

async function issue(world: AccountWorld, owner: Owner): Promise<string> {
  const result = await issueLoginToken(world, owner, { auth: PASSWORD });
  assert.equal(result.kind, 'issued');
  return result.token;
}

function logIn(world: AccountWorld, token: string, session = SESSION): Promise<LoggedIn> {
  return logInByToken(world, { token, session }, ORIGIN);
}

async function countTokens(world: AccountWorld): Promise<number | null> {
  return (await world.test.database.pool.query('select from login_tokens')).rowCount;
}

describe('a login token', () => {
  const shared = shareAccountWorld();

  it('logs another device in as the same user, once', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const token = await issue(world, alice);
    const login = await logIn(world, token);
    assert.equal(login.userId, alice.userId);
    assert.notEqual(login.deviceId, alice.deviceId);
    const requester = await world.authenticator.authenticate(login.accessToken, ORIGIN);
    assert.equal(requester.userId, alice.userId);
    assert.deepEqual(world.changedDeviceLists, [alice.userNid]);
    await assert.rejects(logIn(world, token), refusal(403, 'M_FORBIDDEN'));
  });

  it('lets one of many in who use it at the same time', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    for (let round = 0; round < 10; round += 1) {
      const token = await issue(world, alice);
      const logins = await Promise.allSettled([1, 2, 3, 4].map(() => logIn(world, token)));
      assert.equal(logins.filter((login) => login.status === 'fulfilled').length, 1);
      for (const login of logins)
        if (login.status === 'rejected') assert.ok(refusal(403, 'M_FORBIDDEN')(login.reason));
    }
  });

  it('is good for two minutes', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const [early, late] = [await issue(world, alice), await issue(world, alice)];
    world.clock.advance(119_999);
    await logIn(world, early);
    world.clock.advance(1);
    await assert.rejects(logIn(world, late), refusal(403, 'M_FORBIDDEN'));
    assert.equal(await countTokens(world), 1);
    await sweepExpired(world);
    assert.equal(await countTokens(world), 0);
  });

  it('takes the password each time, and not in place of anything else', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await issue(world, alice);
    assert.equal((await issueLoginToken(world, alice, {})).kind, 'challenge');
    const wrong = { auth: { ...PASSWORD, password: 'wrong' } };
    assert.equal((await issueLoginToken(world, alice, wrong)).kind, 'challenge');
    const token = await issue(world, alice);
    await assert.rejects(world.authenticator.authenticate(token, ORIGIN), refusal(401, 'M_UNKNOWN_TOKEN'));
    await assert.rejects(logIn(world, alice.accessToken), refusal(403, 'M_FORBIDDEN'));
  });

  it('is nowhere in the database', async () => {
    const world = shared();
    const token = await issue(world, await makeUser(world, 'alice'));
    const { rows } = await world.test.database.pool.query('select * from login_tokens');
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes(Buffer.from(token).toString('hex')));
    assert.ok(!JSON.stringify(rows).includes(token));
  });

  it('is not used up by a login that is refused for another reason', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await world.test.database.pool.query(
      `insert into cross_signing_keys (user_nid, usage, public_key, key) values ($1, 'master', 'TAKEN', '{}')`,
      [alice.userNid],
    );
    const token = await issue(world, alice);
    const session = { ...SESSION, deviceId: deviceId('TAKEN') };
    await assert.rejects(logInByToken(world, { token, session }, ORIGIN), /cross-signing key/);
    await world.test.database.pool.query('delete from cross_signing_keys');
    assert.equal((await logIn(world, token)).userId, alice.userId);
  });

  it('ends when its maker logs out everywhere, and not when one session ends', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const tokens = [await issue(world, alice), await issue(world, alice)] as const;
    await logOut(world, alice);
    assert.equal((await logIn(world, tokens[0])).userId, alice.userId);
    await logOutEverywhere(world, alice.userNid);
    await assert.rejects(logIn(world, tokens[1]), refusal(403, 'M_FORBIDDEN'));
  });

  it('ends with the account, and with the password', async () => {
    const world = shared();
    const [alice, bob] = [await makeUser(world, 'alice'), await makeUser(world, 'bob')];
    const tokens = [await issue(world, alice), await issue(world, bob)] as const;
    await deactivateAccount(world, alice.userNid, false);
    const change = { newPassword: 'other', logoutDevices: false, body: { auth: PASSWORD } };
    await changePassword(world, bob, change);
    for (const token of tokens) await assert.rejects(logIn(world, token), refusal(403, 'M_FORBIDDEN'));
    const late = { hash: hashToken('late'), userNid: alice.userNid, expiresTs: world.clock.nowMs() + 1000 };
    await insertLoginToken(world.db, late);
    await assert.rejects(logIn(world, 'late'), refusal(403, 'M_USER_DEACTIVATED'));
  });
});
