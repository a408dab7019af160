import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { createServer, type Server } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { fetchUrl } from '../../src/media/fetch-url.ts';
import { ManualClock } from '../../src/util/clock.ts';
import { sendOutbound } from '../../src/util/outbound.ts';
import { readSourceFiles } from '../support/source-files.ts';
import { closeAtOnce, listenOnLoopback } from '../support/loopback.ts';

/** Ways to write addresses that nobody may make this server connect to. */
const PRIVATE_HOSTS = [
  'localhost',
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '0177.0.0.01',
  '１２７.0.0.1',
  '0',
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '2852039166',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
];

const GET = { method: 'GET', headers: {} } as const;
const NEVER = new AbortController().signal;

describe('a request to where a user says', () => {
  let server: Server;
  let port: number;
  let connections = 0;
  before(async () => {
    server = createServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(request.headers.host);
    }).on('connection', () => (connections += 1));
    port = await listenOnLoopback(server);
  });
  beforeEach(() => (connections = 0));
  after(() => server.close());

  for (const host of PRIVATE_HOSTS) {
    it(`goes to no private address, written as ${host} or otherwise`, async () => {
      const url = new URL(`http://${host}:${port}/`);
      await assert.rejects(sendOutbound({ allowPrivateIps: false }, url, GET, NEVER), /no address that may/);
      assert.equal(connections, 0);
    });
  }

  it('goes to one where the operator allows it', async () => {
    const response = await sendOutbound({ allowPrivateIps: true }, urlAt('127.0.0.1'), GET, NEVER);
    response.resume();
    assert.deepEqual([response.statusCode, connections], [200, 1]);
  });

  it('goes to no name that leads to private addresses only', async () => {
    using names = new FakeNames(() => ['10.0.0.1', '127.0.0.1', 'fd00::1', '::ffff:127.0.0.1']);
    const sent = sendOutbound({ allowPrivateIps: false }, urlAt('inside.example'), GET, NEVER);
    await assert.rejects(sent, /no address that may/);
    assert.deepEqual([names.asked, connections], [['inside.example'], 0]);
  });

  it('goes to the very address that was looked at, whatever the name leads to a moment later', async () => {
    // Nobody listens at the second address: who asks again is not answered.
    using names = new FakeNames((times) => [times === 1 ? '127.0.0.1' : '127.99.99.99']);
    const response = await sendOutbound({ allowPrivateIps: true }, urlAt('moving.example'), GET, NEVER);
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.deepEqual([names.asked, connections], [['moving.example'], 1]);
  });

  it('follows no redirect', async () => {
    await using redirecting = await startRedirecting(urlAt('127.0.0.1'));
    const response = await sendOutbound({ allowPrivateIps: true }, redirecting.url, GET, NEVER);
    response.resume();
    assert.deepEqual([response.statusCode, connections], [302, 0]);
  });

  it('for a preview looks at the address that a redirect leads to as at the first', async () => {
    await using redirecting = await startRedirecting(urlAt('127.0.0.1'));
    // There is no server on the internet to be sent back from: the first address is let through for one.
    let looks = 0;
    const deps = {
      clock: new ManualClock(),
      get allowPrivateIps() {
        return ++looks === 1;
      },
    };
    const limits = { accepts: () => true, maxBytes: 1000, whenLonger: 'cut' } as const;
    await assert.rejects(fetchUrl(deps, redirecting.url, limits), /no address that may/);
    assert.deepEqual([looks, connections], [2, 0]);
  });

  function urlAt(host: string): URL {
    return new URL(`http://${host}:${port}/`);
  }
});

describe('connections to others', () => {
  /** What opens them, and why there. */
  const OPENERS = new Map([
    ['util/outbound.ts', 'looks at the address first'],
    ['appservices/call.ts', 'goes to where the operator says'],
  ]);

  it('are opened in one place for what users say, and in one for what the operator says', () => {
    const opening = readSourceFiles('src').filter(
      ({ codeLines, imports }) =>
        codeLines.some((line) => /\bfetch\(|\bhttps?Request\b|\bnew WebSocket\b/.test(line)) ||
        imports.some(
          ({ target, isType }) =>
            !isType && /^(?:undici|axios|got|node:(?:dns|dgram|http2|tls))\b/.test(target),
        ),
    );
    const known = [...OPENERS.keys(), 'server/listeners.ts'];
    assert.deepEqual(opening.map(({ path }) => path).toSorted(), known.toSorted());
  });
});

/** A server that sends everybody elsewhere. */
async function startRedirecting(target: URL): Promise<{ readonly url: URL } & AsyncDisposable> {
  const server = createServer((_request, response) => {
    response.writeHead(302, { Location: target.href }).end();
  });
  const port = await listenOnLoopback(server);
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    [Symbol.asyncDispose]: () => closeAtOnce(server),
  };
}

/** The names of the internet, as this test wants them. */
class FakeNames implements Disposable {
  readonly asked: string[] = [];
  readonly #real = dns.lookup;

  constructor(addressesAt: (times: number) => readonly string[]) {
    const lookup = async (host: string): Promise<{ address: string; family: number }[]> => {
      this.asked.push(host);
      return addressesAt(this.asked.length).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
    };
    Object.assign(dns, { lookup });
    syncBuiltinESMExports();
  }

  [Symbol.dispose](): void {
    Object.assign(dns, { lookup: this.#real });
    syncBuiltinESMExports();
  }
}
