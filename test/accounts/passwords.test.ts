import assert from 'node:assert/strict';
import { createPasswords } from '../../src/accounts/passwords.ts';

describe('passwords', () => {
  it('are stored as argon2id and recognised again', async () => {
    const passwords = createPasswords('low');
    const stored = await passwords.hash('übers3kr1t');
    assert.match(stored, /^\$argon2id\$v=19\$/);
    assert.equal(await passwords.verify('übers3kr1t', stored), true);
    assert.equal(await passwords.verify('ubers3kr1t', stored), false);
  });

  it('hash differently every time', async () => {
    const passwords = createPasswords('low');
    assert.notEqual(await passwords.hash('same'), await passwords.hash('same'));
  });

  it('cost what the configuration says, and verify across costs', async () => {
    const stored = await createPasswords('normal').hash('secret');
    assert.match(stored, /m=19456,t=2,p=1/);
    assert.equal(await createPasswords('low').verify('secret', stored), true);
  });

  it('never match where there is no hash', async () => {
    assert.equal(await createPasswords('low').verify('', undefined), false);
  });

  it('all come out right when many are hashed at once', async () => {
    const passwords = createPasswords('low');
    const words = Array.from({ length: 30 }, (_, index) => `password ${index}`);
    const hashes = await Promise.all(words.map((word) => passwords.hash(word)));
    const verified = await Promise.all(words.map((word, index) => passwords.verify(word, hashes[index])));
    assert.ok(verified.every(Boolean));
  });
});
