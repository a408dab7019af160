import assert from 'node:assert/strict';
import { logInByPassword, refreshTokens } from '../../src/accounts/login.ts';
import type { LoggedIn } from '../../src/accounts/login-session.ts';
import { logOut, logOutEverywhere } from '../../src/accounts/logout.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import { findDevice, listDevices } from '../../src/storage/devices.ts';
import { deviceId, makeUser, shareAccountWorld, ORIGIN, type AccountWorld } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

function who(world: AccountWorld, token: string): Promise<Requester> {
  return world.authenticator.authenticate(token, ORIGIN);
}

function logIn(world: AccountWorld, user: string, device?: string, refreshable = false): Promise<LoggedIn> {
  const session = {
    deviceId: device === undefined ? undefined : deviceId(device),
    displayName: undefined,
    refreshable,
  };
  return logInByPassword(world, { user, password: 'secret', session }, ORIGIN);
}

describe('an access token', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('says who its owner is', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { deviceId: 'PHONE' });
    const requester = await who(world, alice.accessToken);
    assert.equal(requester.userId, '@alice:test');
    assert.equal(requester.deviceId, 'PHONE');
    assert.equal(requester.userNid, alice.userNid);
    assert.deepEqual([requester.isGuest, requester.isAdmin], [false, false]);
  });

  it('is stored nowhere, but for its hash', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    const { rows } = await world.test.database.pool.query('select * from session_tokens');
    const dump = JSON.stringify(rows);
    assert.ok(!dump.includes(alice.accessToken) && !dump.includes(alice.refreshToken ?? '-'));
  });

  it('that nobody was given is refused', async () => {
    const world = shared();
    await assert.rejects(who(world, 'made-up'), refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('holds at least 128 random bits', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    assert.ok(alice.accessToken.length >= 22);
  });
});

describe('logging in again', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('on the same device ends its old session and keeps its name', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { deviceId: 'PHONE', displayName: 'My phone' });
    const again = await logIn(world, 'alice', 'PHONE');
    await assert.rejects(who(world, alice.accessToken), refusal(401, 'M_UNKNOWN_TOKEN'));
    assert.equal((await who(world, again.accessToken)).deviceId, 'PHONE');
    assert.equal((await findDevice(world.db, alice.userNid, again.deviceId))?.displayName, 'My phone');
  });

  it('on another device leaves the first alone', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const other = await logIn(world, 'alice');
    assert.notEqual(other.deviceId, alice.deviceId);
    await who(world, alice.accessToken);
    await who(world, other.accessToken);
    assert.deepEqual(world.changedDeviceLists, [alice.userNid]);
  });

  it('on one device many times at once leaves exactly one session', async () => {
    const world = shared();
    await makeUser(world, 'alice', { deviceId: 'PHONE' });
    const logins = await Promise.all(Array.from({ length: 8 }, () => logIn(world, 'alice', 'PHONE')));
    const outcomes = await Promise.allSettled(logins.map((login) => who(world, login.accessToken)));
    assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
  });
});

describe('logging out', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('ends the session and forgets the device, and no other', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const other = await logIn(world, 'alice');
    await logOut(world, await who(world, alice.accessToken));
    await assert.rejects(who(world, alice.accessToken), refusal(401, 'M_UNKNOWN_TOKEN'));
    await who(world, other.accessToken);
    const devices = await listDevices(world.db, alice.userNid);
    assert.deepEqual(
      devices.map((device) => device.deviceId),
      [other.deviceId],
    );
  });

  it('everywhere ends all sessions of the user, and of no other user', async () => {
    const world = shared();
    const [alice, bob] = [await makeUser(world, 'alice'), await makeUser(world, 'bob')];
    const other = await logIn(world, 'alice');
    await logOutEverywhere(world, alice.userNid);
    for (const token of [alice.accessToken, other.accessToken]) {
      await assert.rejects(who(world, token), refusal(401, 'M_UNKNOWN_TOKEN'));
    }
    await who(world, bob.accessToken);
    assert.deepEqual(await listDevices(world.db, alice.userNid), []);
  });
});

describe('refresh tokens', () => {
  const shared = shareAccountWorld({ connections: 8 });

  const HOUR_MS = 60 * 60 * 1000;

  it('are given only to clients that can use them; then the access token expires', async () => {
    const world = shared();
    const plain = await makeUser(world, 'plain');
    assert.deepEqual([plain.refreshToken, plain.expiresInMs], [undefined, undefined]);
    const alice = await makeUser(world, 'alice', { refreshable: true });
    assert.equal(alice.expiresInMs, HOUR_MS);
    world.clock.advance(HOUR_MS);
    await who(world, plain.accessToken);
    await assert.rejects(who(world, alice.accessToken), (error) => {
      assert.ok(error instanceof MatrixError);
      assert.deepEqual([error.errcode, error.fields], ['M_UNKNOWN_TOKEN', { soft_logout: true }]);
      return true;
    });
  });

  it('give new tokens for the same session', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    const before = await who(world, alice.accessToken);
    world.clock.advance(2 * HOUR_MS);
    const fresh = await refreshTokens(world, alice.refreshToken ?? '');
    const after = await who(world, fresh.accessToken);
    assert.deepEqual(after, before);
    assert.notEqual(fresh.refreshToken, alice.refreshToken);
  });

  it('stay good until a new token is used, so that a lost answer locks nobody out', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    const lost = await refreshTokens(world, alice.refreshToken ?? '');
    const got = await refreshTokens(world, alice.refreshToken ?? '');
    await who(world, alice.accessToken);
    await who(world, got.accessToken);
    for (const token of [alice.accessToken, lost.accessToken]) {
      await assert.rejects(who(world, token), refusal(401, 'M_UNKNOWN_TOKEN'));
    }
    for (const token of [alice.refreshToken ?? '', lost.refreshToken ?? '']) {
      await assert.rejects(refreshTokens(world, token), refusal(401, 'M_UNKNOWN_TOKEN'));
    }
  });

  it('end their predecessor when they are used themselves', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    const second = await refreshTokens(world, alice.refreshToken ?? '');
    const third = await refreshTokens(world, second.refreshToken ?? '');
    await assert.rejects(refreshTokens(world, alice.refreshToken ?? ''), refusal(401, 'M_UNKNOWN_TOKEN'));
    await who(world, third.accessToken);
  });

  it('end with the session', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    await logOut(world, await who(world, alice.accessToken));
    await assert.rejects(refreshTokens(world, alice.refreshToken ?? ''), refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('are no access tokens, nor the other way round', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice', { refreshable: true });
    await assert.rejects(who(world, alice.refreshToken ?? ''), refusal(401, 'M_UNKNOWN_TOKEN'));
    await assert.rejects(refreshTokens(world, alice.accessToken), refusal(401, 'M_UNKNOWN_TOKEN'));
  });
});

describe('when a device was last seen', () => {
  const shared = shareAccountWorld({ connections: 8 });

  it('is noted a minute apart at most, with where it was', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const madeAt = world.clock.nowMs();
    const seen = async (afterMs: number): Promise<unknown> => {
      world.clock.advance(afterMs);
      await world.authenticator.authenticate(alice.accessToken, {
        ip: `ip-${afterMs}`,
        userAgent: undefined,
      });
      await world.authenticator[Symbol.asyncDispose]();
      const device = await findDevice(world.db, alice.userNid, alice.deviceId);
      return [(device?.lastSeenTs ?? 0) - madeAt, device?.lastSeenIp];
    };
    assert.deepEqual(await seen(59_999), [0, ORIGIN.ip]);
    assert.deepEqual(await seen(1), [60_000, 'ip-1']);
    assert.deepEqual(await seen(30_000), [60_000, 'ip-1']);
    assert.deepEqual(await seen(30_001), [120_001, 'ip-30001']);
  });
});
