import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { printEndpoints, readOperations } from '../../scripts/endpoint-print.ts';
import { endpoint } from '../../src/http/endpoint.ts';
import { allEndpoints } from '../../src/server/endpoints.ts';

describe('the print of the API surface', () => {
  it('is up to date in docs/endpoints.txt', async () => {
    const kept = await readFile(new URL('../../docs/endpoints.txt', import.meta.url), 'utf8');
    const now = printEndpoints(allEndpoints, readOperations());
    const [before, after] = [new Set(kept.split('\n')), new Set(now.split('\n'))];
    const hint = [
      'the API surface has changed; if that is meant: npx tsx scripts/renew-docs.ts',
      ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
      ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
    ];
    assert.ok(kept === now, hint.join('\n'));
  });

  it('knows the operations of the specification', () => {
    const operations = readOperations();
    assert.equal(operations.length, 166);
    assert.deepEqual(
      operations.filter(({ path }) => !path.startsWith('/_matrix/') && !path.startsWith('/.well-known/')),
      [],
    );
  });

  it('counts an operation under any name of its parameters, and lists what is not served', () => {
    const getTag = endpoint({
      name: 'getTag',
      method: 'GET',
      path: '/v3/tags/{tagId}',
      auth: 'none',
      rateLimit: 'read',
      handle: (_deps: object) => ({ body: {} }),
    });
    const operations = [
      { name: 'getTag', method: 'GET', path: '/v3/tags/{tag}' },
      { name: 'setTag', method: 'PUT', path: '/v3/tags/{tag}' },
    ];
    const lines = printEndpoints([getTag], operations).split('\n');
    assert.ok(lines.includes('GET /v3/tags/{tagId}  getTag none read'));
    assert.ok(lines.some((line) => line.startsWith('# 1 of the 2 client-server operations')));
    assert.ok(lines.includes('PUT /v3/tags/{tag}  setTag'));
  });
});
