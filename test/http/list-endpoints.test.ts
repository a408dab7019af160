import assert from 'node:assert/strict';
import { endpoint } from '../../src/http/endpoint.ts';
import { listEndpoints } from '../../src/http/list-endpoints.ts';

const handle = (_deps: object) => ({ body: {} });

describe('the list of endpoints', () => {
  it('has a line for each method and path, sorted by path', () => {
    const rows = [
      endpoint({
        name: 'logout',
        method: 'POST',
        path: '/v3/logout',
        alsoAt: ['/r0/logout'],
        auth: 'user',
        rateLimit: 'none',
        handle,
      }),
      endpoint({
        name: 'setTag',
        method: 'PUT',
        path: '/v3/{tag}',
        auth: 'user',
        rateLimit: 'write',
        handle,
      }),
      endpoint({ name: 'getTag', method: 'GET', path: '/v3/{tag}', auth: 'none', rateLimit: 'read', handle }),
    ];
    assert.deepEqual(listEndpoints(rows), [
      'POST /r0/logout  logout user none',
      'POST /v3/logout  logout user none',
      'GET /v3/{tag}  getTag none read',
      'PUT /v3/{tag}  setTag user write',
    ]);
  });
});
