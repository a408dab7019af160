import assert from 'node:assert/strict';
import { deactivateAccount } from '../../src/accounts/deactivate.ts';
import { checkUsernameFree } from '../../src/accounts/register.ts';
import { findAccount } from '../../src/storage/accounts.ts';
import { listDeviceListChanges, listDevices } from '../../src/storage/devices.ts';
import { createAccountWorld, makeUser, shareAccountWorld, ORIGIN } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

describe('deactivating an account', () => {
  const shared = shareAccountWorld();

  it('takes its password, devices and sessions', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await deactivateAccount(world, alice.userNid, false);
    const account = await findAccount(world.db, alice.userId);
    assert.deepEqual([account?.isDeactivated, account?.passwordHash], [true, undefined]);
    assert.deepEqual(await listDevices(world.db, alice.userNid), []);
    await assert.rejects(
      world.authenticator.authenticate(alice.accessToken, ORIGIN),
      refusal(401, 'M_UNKNOWN_TOKEN'),
    );
    assert.deepEqual(await listDeviceListChanges(world.db, [alice.userNid], 0), [alice.userNid]);
  });

  it('leaves the user id taken', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await deactivateAccount(world, alice.userNid, false);
    await assert.rejects(checkUsernameFree(world, 'alice'), refusal(400, 'M_USER_IN_USE'));
  });

  it('runs every hook in its transaction, and is undone when one fails', async () => {
    const told: number[] = [];
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const failing = {
      ...world,
      onDeactivated: [
        async (_tx: unknown, userNid: number) => void told.push(userNid),
        () => Promise.reject(new Error('no')),
      ],
    };
    await assert.rejects(deactivateAccount(failing, alice.userNid, false), /no/);
    assert.deepEqual(told, [alice.userNid]);
    assert.equal((await findAccount(world.db, alice.userId))?.isDeactivated, false);
    await world.authenticator.authenticate(alice.accessToken, ORIGIN);
  });

  it('happens once', async () => {
    const told: number[] = [];
    await using world = await createAccountWorld({
      onDeactivated: [async (_tx, userNid) => void told.push(userNid)],
    });
    const alice = await makeUser(world, 'alice');
    await Promise.all([1, 2, 3].map(() => deactivateAccount(world, alice.userNid, true)));
    assert.deepEqual(told, [alice.userNid]);
  });
});
