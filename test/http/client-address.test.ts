import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { addressBlock, clientAddress } from '../../src/http/client-address.ts';

function requestWith(headers: Record<string, string>, remoteAddress: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  return Object.assign(new IncomingMessage(socket), { headers });
}

describe('the address of a client', () => {
  it('is that of the connection, whatever the client claims', () => {
    const request = requestWith({ 'x-forwarded-for': '1.2.3.4' }, '10.0.0.1');
    assert.equal(clientAddress(request, false), '10.0.0.1');
  });

  it('is the one that a trusted proxy wrote, not those before it', () => {
    const request = requestWith({ 'x-forwarded-for': '6.6.6.6, 1.2.3.4' }, '10.0.0.1');
    assert.equal(clientAddress(request, true), '1.2.3.4');
  });

  it('is that of the connection when the proxy wrote none, or nonsense', () => {
    assert.equal(clientAddress(requestWith({}, '10.0.0.1'), true), '10.0.0.1');
    assert.equal(clientAddress(requestWith({ 'x-forwarded-for': 'unknown' }, '10.0.0.1'), true), '10.0.0.1');
  });

  it('is IPv4 also on a socket that listens for both', () => {
    assert.equal(clientAddress(requestWith({}, '::ffff:10.0.0.1'), false), '10.0.0.1');
  });

  it('counts together with its /64 when it is IPv6', () => {
    assert.equal(addressBlock('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(addressBlock('2001:0DB8:1:2::9'), '2001:db8:1:2::/64');
    assert.equal(addressBlock('2001:db8::1'), '2001:db8:0:0::/64');
    assert.equal(addressBlock('::1'), '0:0:0:0::/64');
    assert.equal(addressBlock('fe80::'), 'fe80:0:0:0::/64');
    assert.equal(addressBlock('192.0.2.1'), '192.0.2.1');
  });
});
