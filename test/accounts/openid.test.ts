import assert from 'node:assert/strict';
import { deactivateAccount } from '../../src/accounts/deactivate.ts';
import { getOpenIdTokenOwner, requestOpenIdToken } from '../../src/accounts/openid.ts';
import { makeUser, shareAccountWorld, userId } from '../support/accounts.ts';
import { refusal } from '../support/refusal.ts';

describe('an OpenID token', () => {
  const shared = shareAccountWorld();

  it('says who made it, for an hour', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const { token, expiresInMs } = await requestOpenIdToken(world, alice, alice.userId);
    assert.equal(expiresInMs, 3_600_000);
    world.clock.advance(3_599_999);
    assert.equal(await getOpenIdTokenOwner(world, token), '@alice:test');
    world.clock.advance(1);
    await assert.rejects(getOpenIdTokenOwner(world, token), refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('can only be had for oneself', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    await assert.rejects(requestOpenIdToken(world, alice, userId('@bob:test')), refusal(403, 'M_FORBIDDEN'));
  });

  it('is no access token, nor an access token one', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const { token } = await requestOpenIdToken(world, alice, alice.userId);
    const origin = { ip: '::1', userAgent: undefined };
    await assert.rejects(world.authenticator.authenticate(token, origin), refusal(401, 'M_UNKNOWN_TOKEN'));
    await assert.rejects(getOpenIdTokenOwner(world, alice.accessToken), refusal(401, 'M_UNKNOWN_TOKEN'));
  });

  it('ends with the account', async () => {
    const world = shared();
    const alice = await makeUser(world, 'alice');
    const { token } = await requestOpenIdToken(world, alice, alice.userId);
    await deactivateAccount(world, alice.userNid, false);
    await assert.rejects(getOpenIdTokenOwner(world, token), refusal(401, 'M_UNKNOWN_TOKEN'));
  });
});
