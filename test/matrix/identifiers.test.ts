import assert from 'node:assert/strict';
import {
  findServerName,
  formatMxcUri,
  isUserLocalpart,
  localpartOf,
  makeUserId,
  parseDeviceId,
  parseEventId,
  parseMxcUri,
  parseRoomAlias,
  parseRoomId,
  parseServerName,
  parseUserId,
  serverNameOf,
} from '../../src/matrix/identifiers.ts';

function defined<T>(value: T | undefined): T {
  assert.notEqual(value, undefined);
  if (value === undefined) throw new Error('unreachable');
  return value;
}

describe('server names', () => {
  for (const name of [
    'example.org',
    'localhost:8008',
    '1.2.3.4',
    '1.2.3.4:80',
    '[::1]',
    '[2001:db8::1]:443',
    'a-b',
    'hs1',
  ]) {
    it(`accepts ${name}`, () => assert.equal(parseServerName(name), name));
  }
  for (const name of [
    '',
    'a b',
    'a/b',
    'example.org:',
    'a:123456',
    '::1',
    '[::1',
    'ex_ample',
    'a\n',
    'müller.de',
    7,
  ]) {
    it(`refuses ${JSON.stringify(name)}`, () => assert.equal(parseServerName(name), undefined));
  }
});

describe('user ids', () => {
  for (const id of [
    '@alice:example.org',
    '@:example.org',
    '@Älice 1:example.org',
    '@a:[::1]:8448',
    '@a/b=+_.-:x',
  ]) {
    it(`accepts ${id} from the federation`, () => assert.equal(parseUserId(id), id));
  }
  for (const id of [
    'alice:x',
    '@alice',
    '@alice:',
    '@a\0:x',
    '@a\ud800:x',
    '@a:x:y:z',
    `@${'a'.repeat(253)}:x`,
    undefined,
    1,
  ]) {
    it(`refuses ${JSON.stringify(id)?.slice(0, 20)}`, () => assert.equal(parseUserId(id), undefined));
  }

  it('counts the length in bytes', () => {
    assert.notEqual(parseUserId(`@${'é'.repeat(126)}:x`), undefined);
    assert.equal(parseUserId(`@${'é'.repeat(127)}:x`), undefined);
  });

  it('allows new users a narrow grammar only', () => {
    assert.equal(isUserLocalpart('al.ice_1=2-3/4+5'), true);
    for (const localpart of ['', 'Alice', 'a b', 'ä', 'a:b', 'a\n'])
      assert.equal(isUserLocalpart(localpart), false);
  });

  it('makes ids that parse and refuses localparts of no new user', () => {
    const server = defined(parseServerName('example.org:8448'));
    const id = defined(makeUserId('alice', server));
    assert.equal(serverNameOf(id), server);
    assert.equal(localpartOf(id), 'alice');
    assert.equal(makeUserId('Alice', server), undefined);
    assert.equal(makeUserId('a'.repeat(250), server), undefined);
  });
});

describe('room ids, event ids and aliases', () => {
  it('accepts room ids with and without a domain', () => {
    assert.equal(findServerName(defined(parseRoomId('!abc:example.org:8448'))), 'example.org:8448');
    assert.equal(
      findServerName(defined(parseRoomId('!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM'))),
      undefined,
    );
  });

  it('accepts event ids of every format', () => {
    assert.equal(findServerName(defined(parseEventId('$x:domain'))), 'domain');
    for (const id of [
      '$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk',
      '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg',
    ]) {
      assert.equal(parseEventId(id), id);
    }
  });

  for (const bad of ['', '!', '!:x', '!a:', '!a:b c', 'abc:x', `!${'a'.repeat(255)}`, '!a\0', null]) {
    it(`refuses the room id ${JSON.stringify(bad).slice(0, 20)}`, () =>
      assert.equal(parseRoomId(bad), undefined));
  }

  it('refuses event ids with another sigil, without text or too long', () => {
    for (const bad of ['$', '!a', '$:x', `$${'a'.repeat(255)}`, {}])
      assert.equal(parseEventId(bad), undefined);
  });

  it('accepts aliases with a domain only', () => {
    assert.equal(localpartOf(defined(parseRoomAlias('#päd:example.org'))), 'päd');
    for (const bad of ['#room', '#:x', 'room:x', '#room:b/c']) assert.equal(parseRoomAlias(bad), undefined);
  });
});

describe('device ids and media', () => {
  it('accepts any short text as a device id', () => {
    assert.equal(parseDeviceId('A device ☃'), 'A device ☃');
    for (const bad of ['', 'a'.repeat(256), 5, 'a\0']) assert.equal(parseDeviceId(bad), undefined);
  });

  it('reads and writes mxc URIs', () => {
    const uri = defined(parseMxcUri('mxc://example.org:8448/Ab_-9'));
    assert.deepEqual({ ...uri }, { serverName: 'example.org:8448', mediaId: 'Ab_-9' });
    assert.equal(formatMxcUri(uri), 'mxc://example.org:8448/Ab_-9');
  });

  it('refuses mxc URIs that could name a path', () => {
    for (const bad of [
      'mxc://x/',
      'mxc://x',
      'mxc:///a',
      'mxc://x/..',
      'mxc://x/a/b',
      'mxc://x/a?b',
      'http://x/a',
      'mxc://../a',
    ]) {
      assert.equal(parseMxcUri(bad), undefined);
    }
  });
});
