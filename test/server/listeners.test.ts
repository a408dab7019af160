import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { startTestServer, succeed } from '../support/server.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../support/test-certificate.ts';

const ANYWHERE = { host: '127.0.0.1', port: 0 };

describe('the listeners of a server', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'morrow-tls-'));
    await writeFile(join(directory, 'cert.pem'), TEST_CERTIFICATE);
    await writeFile(join(directory, 'key.pem'), TEST_CERTIFICATE_KEY);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const tlsConfig = (cert: string, key: string) => ({
    federationListen: ANYWHERE,
    tlsCertPath: join(directory, cert),
    tlsKeyPath: join(directory, key),
  });

  it('serve the same endpoints over plain HTTP and over TLS', async () => {
    await using server = await startTestServer({ config: tlsConfig('cert.pem', 'key.pem') });
    const [plain, secure] = server.server.urls;
    assert.ok(plain?.startsWith('http://127.0.0.1:'));
    assert.ok(secure?.startsWith('https://127.0.0.1:'));
    const path = '/_matrix/client/versions';
    assert.deepEqual(await getJson(secure + path), await succeed(server, 'GET', path));
  });

  it('are one without federation_listen', async () => {
    await using server = await startTestServer();
    assert.equal(server.server.urls.length, 1);
  });

  it('do not open with a certificate that is missing, or that is not the key’s', async () => {
    await assert.rejects(
      startTestServer({ dataDir: directory, config: tlsConfig('none.pem', 'key.pem') }),
      /Cannot read .*none\.pem for TLS/,
    );
    await assert.rejects(
      startTestServer({ dataDir: directory, config: tlsConfig('key.pem', 'key.pem') }),
      /Cannot serve TLS with .*key\.pem/,
    );
  });
});

function getJson(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get(url, { ca: TEST_CERTIFICATE, agent: false }, (response) => {
      json(response).then(resolve, reject);
    }).on('error', reject);
  });
}
