import assert from 'node:assert/strict';
import { deactivateAccount } from '../../src/accounts/deactivate.ts';
import { logInByPassword } from '../../src/accounts/login.ts';
import type { Passwords } from '../../src/accounts/passwords.ts';
import { registerGuest } from '../../src/accounts/register.ts';
import { inTransaction } from '../../src/storage/database.ts';
import { setPasswordHash } from '../../src/storage/accounts.ts';
import { makeUser, shareAccountWorld, ORIGIN, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

const SESSION = { deviceId: undefined, displayName: undefined, refreshable: false };

function logIn(world: AccountWorld, user: string, password: string) {
  return logInByPassword(world, { user, password, session: SESSION }, ORIGIN);
}

describe('login by password', () => {
  const shared = shareAccountWorld();

  it('takes the localpart or the user id, in any case', async () => {
    const world = shared();
    await makeUser(world, 'alice');
    for (const user of ['alice', '@alice:test', 'Alice', '@ALICE:test']) {
      assert.equal((await logIn(world, user, 'secret')).userId, '@alice:test');
    }
  });

  it('is refused alike for a wrong password, an unknown user and another server’s', async () => {
    const world = shared();
    await makeUser(world, 'alice');
    const messages = new Set<string>();
    for (const [user, password] of [
      ['alice', 'wrong'],
      ['nobody', 'secret'],
      ['@alice:elsewhere', 'secret'],
      ['', ''],
    ] as const) {
      await assert.rejects(logIn(world, user, password), (error) => {
        messages.add(String(error));
        return refusal(403, 'M_FORBIDDEN')(error);
      });
    }
    assert.equal(messages.size, 1);
  });

  it('is refused to guests and says so of deactivated accounts', async () => {
    const world = shared();
    const guest = await registerGuest(world, { displayName: undefined }, ORIGIN);
    await assert.rejects(logIn(world, guest.userId, ''), refusal(403, 'M_FORBIDDEN'));
    const alice = await makeUser(world, 'alice');
    await deactivateAccount(world, alice.userNid, false);
    await assert.rejects(logIn(world, 'alice', 'secret'), refusal(403, 'M_USER_DEACTIVATED'));
  });

  it('is refused when the password changes while the old one is being verified', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const newHash = await world.passwords.hash('other');
    const passwords: Passwords = {
      ...world.passwords,
      async verify(password, hash) {
        const isRight = await world.passwords.verify(password, hash);
        await inTransaction(world.db, (tx) => setPasswordHash(tx, alice.userNid, newHash));
        return isRight;
      },
    };
    const login = { user: 'alice', password: 'secret', session: SESSION };
    await assert.rejects(
      logInByPassword({ ...world, passwords }, login, ORIGIN),
      refusal(403, 'M_FORBIDDEN'),
    );
  });
});
