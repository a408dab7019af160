import assert from 'node:assert/strict';
import { logInByPassword } from '../../src/accounts/login.ts';
import { forgetDevices } from '../../src/devices/devices.ts';
import { sendToDevice } from '../../src/devices/to-device.ts';
import { currentPosition } from '../../src/storage/database.ts';
import { deleteToDeviceUpTo, listToDevice } from '../../src/storage/to-device.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { deviceId, makeUser, ORIGIN, shareAccountWorld, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

type User = Awaited<ReturnType<typeof makeUser>>;

/** Alice with a device A, bob with the devices B1 and B2. */
async function people(world: AccountWorld): Promise<{ readonly alice: User; readonly bob: User }> {
  const alice = await makeUser(world, 'alice', { deviceId: 'A' });
  const bob = await makeUser(world, 'bob', { deviceId: 'B1' });
  const session = { deviceId: deviceId('B2'), displayName: undefined, refreshable: false };
  await logInByPassword(world, { user: 'bob', password: 'secret', session }, ORIGIN);
  return { alice, bob };
}

const content = (n: number): string => JSON.stringify({ n });

let transactions = 0;

function send(
  world: AccountWorld,
  from: User,
  messages: JsonObject,
  txnId = `t${transactions++}`,
): Promise<void> {
  return sendToDevice(world, from, { type: 'org.example.ping', txnId, messages });
}

async function waiting(world: AccountWorld, user: User, device: string): Promise<readonly unknown[]> {
  const mailbox = { userNid: user.userNid, deviceId: deviceId(device) };
  const messages = await listToDevice(world.db, mailbox, 0, await currentPosition(world.db), 100);
  return messages.map(({ sender, type, content }): unknown => {
    assert.deepEqual([sender, type], ['@alice:test', 'org.example.ping']);
    return JSON.parse(content);
  });
}

describe('to-device messages', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('wait with the device that they are for, and with no other', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    await send(world, alice, { '@bob:test': { B1: { n: 1 } } });
    assert.deepEqual(await waiting(world, bob, 'B1'), [{ n: 1 }]);
    assert.deepEqual(await waiting(world, bob, 'B2'), []);
    assert.deepEqual(world.arrivals, [[bob.userNid]]);
  });

  it('go to every device by a star, and to a named one what names it', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    await send(world, alice, { '@bob:test': { '*': { n: 1 }, B2: { n: 2 } } });
    assert.deepEqual(await waiting(world, bob, 'B1'), [{ n: 1 }]);
    assert.deepEqual(await waiting(world, bob, 'B2'), [{ n: 2 }]);
  });

  it('for unknown users, unknown devices and other servers are passed over', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    await send(world, alice, {
      '@nobody:test': { X: { n: 1 } },
      '@bob:test': { GONE: { n: 1 }, B1: { n: 2 } },
      '@bob:elsewhere': { B1: { n: 3 } },
    });
    assert.deepEqual(await waiting(world, bob, 'B1'), [{ n: 2 }]);
    await send(world, alice, { '@nobody:test': { X: {} } });
    assert.deepEqual(world.arrivals, [[bob.userNid]]);
  });

  it('arrive once when the request is repeated, also at the same time', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    const messages = { '@bob:test': { B1: { n: 1 } } };
    await Promise.all(Array.from({ length: 6 }, () => send(world, alice, messages, 'same')));
    await send(world, alice, messages, 'same');
    assert.deepEqual(await waiting(world, bob, 'B1'), [{ n: 1 }]);
  });

  it('of another type or device may carry the same transaction id', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    const messages = { '@bob:test': { B1: {} } };
    await send(world, alice, messages, 'same');
    await sendToDevice(world, alice, { type: 'org.example.other', txnId: 'same', messages });
    await send(world, { ...alice, deviceId: deviceId('A2') }, messages, 'same');
    const mailbox = { userNid: bob.userNid, deviceId: deviceId('B1') };
    assert.equal((await listToDevice(world.db, mailbox, 0, await currentPosition(world.db), 9)).length, 3);
  });

  it('are listed in order between two positions, up to a limit, and kept until acknowledged', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    const before = await currentPosition(world.db);
    for (let n = 1; n <= 5; n++) await send(world, alice, { '@bob:test': { B1: { n } } });
    const mailbox = { userNid: bob.userNid, deviceId: deviceId('B1') };
    const list = async (since: number, to: number, limit: number): Promise<unknown> =>
      (await listToDevice(world.db, mailbox, since, to, limit)).map((message) => message.content);
    assert.deepEqual(await list(before, before + 5, 100), [1, 2, 3, 4, 5].map(content));
    assert.deepEqual(await list(before + 1, before + 4, 2), [2, 3].map(content));
    await deleteToDeviceUpTo(world.db, mailbox, before + 3);
    assert.deepEqual(await list(0, before + 5, 100), [4, 5].map(content));
  });

  it('go with their device', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    await send(world, alice, { '@bob:test': { '*': {} } });
    await forgetDevices(world, bob.userNid, [deviceId('B1')]);
    assert.deepEqual(await waiting(world, bob, 'B1'), []);
    assert.equal((await waiting(world, bob, 'B2')).length, 1);
  });

  it('hold whatever JSON can', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    const content = { nul: '\0', deep: [{ '': 1.5 }], big: 1e300, unicode: '\u{1F600}' };
    await send(world, alice, { '@bob:test': { B1: content } });
    assert.deepEqual(await waiting(world, bob, 'B1'), [content]);
  });

  it('of the wrong form are refused, and none of them is sent', async () => {
    const world = shared();
    const { alice, bob } = await people(world);
    const good = { '@bob:test': { B1: {} } };
    for (const bad of [{ '@bob:test': [] }, { '@bob:test': { B1: 'text' } }, { '@bob:test': { B1: null } }]) {
      await assert.rejects(send(world, alice, { ...good, ...bad }), refusal(400, 'M_BAD_JSON'));
    }
    for (const bad of [{ bob: { B1: {} } }, { '@bob:test': { '': {} } }]) {
      await assert.rejects(send(world, alice, { ...good, ...bad }), refusal(400, 'M_INVALID_PARAM'));
    }
    assert.deepEqual(await waiting(world, bob, 'B1'), []);
  });
});
