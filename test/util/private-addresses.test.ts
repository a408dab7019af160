import assert from 'node:assert/strict';
import { isPublicAddress } from '../../src/util/private-addresses.ts';

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '172.15.0.1',
  '172.32.0.1',
  '192.167.1.1',
  '2606:4700::1111',
  '2a00:1450::1',
];
const PRIVATE = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'fd00::1',
  'fe80::1',
  'ff02::1',
];

describe('an address', () => {
  for (const address of PUBLIC) {
    it(`such as ${address} is on the internet`, () => {
      assert.equal(isPublicAddress(address), true);
    });
  }

  for (const address of PRIVATE) {
    it(`such as ${address} is not`, () => {
      assert.equal(isPublicAddress(address), false);
    });
  }

  it('is a name or a text in no case', () => {
    for (const text of ['localhost', 'example.org', '', '1.1.1', '0x7f.1', '[::1]'])
      assert.equal(isPublicAddress(text), false);
  });
});
