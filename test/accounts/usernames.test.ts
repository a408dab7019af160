import assert from 'node:assert/strict';
import { chooseUserId, findNamedUser } from '../../src/accounts/usernames.ts';
import { parseServerName } from '../../src/matrix/identifiers.ts';
import { refusal } from '../support/refusal.ts';

describe('usernames', () => {
  const serverName = parseServerName('test');
  assert.ok(serverName);

  it('become localparts, capitals as small letters', () => {
    assert.equal(chooseUserId('User-UPPER', serverName), '@user-upper:test');
    for (const char of 'q3._=-/+') assert.equal(chooseUserId(`a${char}`, serverName), `@a${char}:test`);
  });

  it('are refused with characters outside the grammar', () => {
    for (const char of [
      '!',
      '"',
      ':',
      '?',
      '\\',
      '@',
      '[',
      ']',
      '{',
      '|',
      '}',
      '£',
      'é',
      '\n',
      "'",
      ',',
      '\0',
      ' ',
    ]) {
      assert.throws(() => chooseUserId(`user-${char}`, serverName), refusal(400, 'M_INVALID_USERNAME'));
    }
  });

  it('are refused when empty, too long, or digits only', () => {
    for (const name of ['', 'a'.repeat(251), '123']) {
      assert.throws(() => chooseUserId(name, serverName), refusal(400, 'M_INVALID_USERNAME'));
    }
  });

  it('may begin with an underscore only by an administrator’s word', () => {
    assert.throws(() => chooseUserId('_bridge', serverName), refusal(400, 'M_INVALID_USERNAME'));
    assert.equal(chooseUserId('_bridge', serverName, { anyName: true }), '@_bridge:test');
  });

  it('name a user by localpart or in full, in any case, but only of this server', () => {
    for (const name of ['alice', 'ALICE', '@alice:test', '@Alice:test']) {
      assert.equal(findNamedUser(name, serverName), '@alice:test');
    }
    assert.equal(findNamedUser('@alice:elsewhere', serverName), undefined);
    assert.equal(findNamedUser('@alice', serverName), undefined);
    assert.equal(findNamedUser('alice:test', serverName), undefined);
  });
});
