import assert from 'node:assert/strict';
import { forgetDevices, getDevice, listOwnDevices, renameDevice } from '../../src/devices/devices.ts';
import { currentPosition } from '../../src/storage/database.ts';
import { listDeviceListChanges } from '../../src/storage/devices.ts';
import { deviceId, makeUser, ORIGIN, shareAccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

describe('devices', () => {
  const shared = shareAccountWorld();

  it('are listed with their name and where they were last seen', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { deviceId: 'PHONE', displayName: 'My phone' });
    const expected = {
      deviceId: 'PHONE',
      displayName: 'My phone',
      lastSeenTs: world.clock.nowMs(),
      lastSeenIp: ORIGIN.ip,
    };
    assert.deepEqual(await listOwnDevices(world, alice.userNid), [expected]);
    assert.deepEqual(await getDevice(world, alice.userNid, alice.deviceId), expected);
  });

  it('can be renamed, which others get to know', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const before = await currentPosition(world.db);
    await renameDevice(world, alice.userNid, alice.deviceId, 'New name');
    assert.equal((await getDevice(world, alice.userNid, alice.deviceId)).displayName, 'New name');
    assert.deepEqual(await listDeviceListChanges(world.db, [alice.userNid], before), [alice.userNid]);
    assert.deepEqual(world.changedDeviceLists, [alice.userNid]);
  });

  it('that the user does not have are not found', async () => {
    const world = shared();
    const [alice, bob] = [await makeUser(world, 'alice'), await makeUser(world, 'bob')];
    for (const device of [deviceId('NONE'), bob.deviceId]) {
      await assert.rejects(getDevice(world, alice.userNid, device), refusal(404, 'M_NOT_FOUND'));
      await assert.rejects(renameDevice(world, alice.userNid, device, 'x'), refusal(404, 'M_NOT_FOUND'));
      await assert.rejects(
        renameDevice(world, alice.userNid, device, undefined),
        refusal(404, 'M_NOT_FOUND'),
      );
    }
  });

  it('end with their sessions when they are forgotten, those of others do not', async () => {
    const world = shared();
    const [alice, bob] = [await makeUser(world, 'alice'), await makeUser(world, 'bob')];
    const before = await currentPosition(world.db);
    await forgetDevices(world, alice.userNid, [alice.deviceId, bob.deviceId, deviceId('NONE')]);
    const ended = world.authenticator.authenticate(alice.accessToken, ORIGIN);
    await assert.rejects(ended, refusal(401, 'M_UNKNOWN_TOKEN'));
    await world.authenticator.authenticate(bob.accessToken, ORIGIN);
    const changed = await listDeviceListChanges(world.db, [alice.userNid, bob.userNid], before);
    assert.deepEqual(changed, [alice.userNid]);
  });
});
