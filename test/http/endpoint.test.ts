import assert from 'node:assert/strict';
import { z } from 'zod';
import { endpoint, type Endpoint, type RawCall, type Requester } from '../../src/http/endpoint.ts';
import { jsonObject } from '../../src/http/parse-input.ts';
import { UNRESTRICTED } from '../../src/matrix/account-state.ts';
import { parseDeviceId, parseUserId, type RoomId } from '../../src/matrix/identifiers.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import type { JsonObject } from '../../src/util/json.ts';

const sendEvent = endpoint({
  name: 'sendMessage',
  method: 'PUT',
  path: '/rooms/{roomId}/send/{eventType}/{txnId}',
  auth: 'user',
  rateLimit: 'write',
  query: z.object({ ts: z.string().regex(/^\d+$/).optional(), via: z.array(z.string()).default([]) }),
  repeatable: ['via'],
  body: z.object({ content: jsonObject, inner: z.object({ count: z.number() }).optional() }),
  handle: (deps: { readonly sent: JsonObject[] }, { params, body, query, requester }) => {
    const roomId: RoomId = params.roomId;
    deps.sent.push(body.content);
    return { body: { roomId, txnId: params.txnId, via: query.via, ts: query.ts, sender: requester.userId } };
  },
});

const logout = endpoint({
  name: 'logout',
  method: 'POST',
  path: '/logout',
  auth: 'optional',
  rateLimit: 'none',
  body: z.object({ all: z.boolean().optional() }),
  bodyOptional: true,
  handle: async (_deps: object, { body, query, requester }) => {
    const none: undefined = query;
    return { body: { all: body.all ?? false, none, who: requester?.userId } };
  },
});

const versions = endpoint({
  name: 'versions',
  method: 'GET',
  path: '/versions',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object, { body, requester }) => {
    const nobody: undefined = requester;
    return { body: { body, nobody } };
  },
});

describe('an endpoint', () => {
  it('gives its handler the parsed parameters, query, body and requester', async () => {
    const sent: JsonObject[] = [];
    const content = { body: 'hi' };
    const reply = await sendEvent.run({ sent }, call({ query: 'ts=5&via=a&ts=7&via=b', body: { content } }));
    assert.deepEqual(reply.body, { roomId: '!r:x', txnId: 't', via: ['a', 'b'], ts: '7', sender: '@a:x' });
    assert.equal(sent[0], content);
  });

  it('hands content with a __proto__ key on as plain data', async () => {
    const sent: JsonObject[] = [];
    const body: unknown = JSON.parse('{"content":{"__proto__":{"admin":true},"a":1},"__proto__":{"b":2}}');
    await sendEvent.run({ sent }, call({ body }));
    assert.equal(JSON.stringify(sent[0]), '{"__proto__":{"admin":true},"a":1}');
  });

  it('names the identifier in the path that is malformed', async () => {
    await refuses(
      sendEvent,
      { params: { roomId: 'nope', eventType: 'm', txnId: 't' } },
      'M_INVALID_PARAM',
      /roomId/,
    );
  });

  it('refuses a body without a required key as M_MISSING_PARAM, whatever the schema of the key', async () => {
    await refuses(sendEvent, { body: {} }, 'M_MISSING_PARAM', /: content$/);
    await refuses(sendEvent, { body: { content: {}, inner: {} } }, 'M_MISSING_PARAM', /: inner\.count$/);
  });

  it('refuses a key of the wrong type as M_BAD_JSON that names the path of the key', async () => {
    await refuses(sendEvent, { body: { content: [] } }, 'M_BAD_JSON', /^content: expected object$/);
    await refuses(sendEvent, { body: { content: null } }, 'M_BAD_JSON', /^content: /);
    const body = { content: {}, inner: { count: '1' } };
    await refuses(sendEvent, { body }, 'M_BAD_JSON', /^inner\.count: expected number, received string$/);
  });

  it('refuses a body that is not an object as M_BAD_JSON and no body as M_NOT_JSON', async () => {
    for (const body of [[], null, 'text', 5, true])
      await refuses(sendEvent, { body }, 'M_BAD_JSON', /object/);
    await refuses(sendEvent, { body: undefined }, 'M_NOT_JSON', /body/);
  });

  it('takes an absent body as an empty object where the row says so, but not null', async () => {
    const reply = await logout.run({}, call({ body: undefined, requester: undefined }));
    assert.deepEqual(reply.body, { all: false, none: undefined, who: undefined });
    await refuses(logout, { body: null }, 'M_BAD_JSON', /object/);
  });

  it('refuses a query parameter of the wrong form as M_INVALID_PARAM that names it', async () => {
    await refuses(sendEvent, { query: 'ts=soon' }, 'M_INVALID_PARAM', /^ts: /);
  });

  it('refuses a missing query parameter as M_MISSING_PARAM', async () => {
    const row = endpoint({
      name: 'getRelations',
      method: 'GET',
      path: '/relations',
      auth: 'none',
      rateLimit: 'none',
      query: z.object({ dir: z.enum(['f', 'b']) }),
      handle: (_deps: object, { query }) => ({ body: query.dir }),
    });
    await refuses(row, { query: '' }, 'M_MISSING_PARAM', /dir/);
    await refuses(row, { query: 'dir=x' }, 'M_INVALID_PARAM', /^dir: expected one of/);
  });

  it('shows no requester and no body to a row that asks for none', async () => {
    const reply = await versions.run({}, call({ body: undefined }));
    assert.deepEqual(reply.body, { body: undefined, nobody: undefined });
  });

  it('never runs a handler without the requester it relies on', async () => {
    await assert.rejects(
      sendEvent.run({ sent: [] }, call({ body: { content: {} }, requester: undefined })),
      /auth kind user/,
    );
  });

  it('joins a list of rows whose dependencies differ', () => {
    const rows: readonly Endpoint<{ readonly sent: JsonObject[]; readonly more: number }>[] = [
      sendEvent,
      versions,
    ];
    assert.deepEqual(
      rows.map((row) => row.readsBody),
      [true, false],
    );
  });
});

interface CallParts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly requester?: Requester | undefined;
}

function call(parts: CallParts): RawCall {
  return {
    params: { roomId: '!r:x', eventType: 'm.room.message', txnId: 't' },
    requester: alice(),
    body: undefined,
    ...parts,
    query: new URLSearchParams(parts.query),
    ip: '127.0.0.1',
    userAgent: undefined,
    live: new AbortController(),
  };
}

function alice(): Requester {
  const [userId, deviceId] = [parseUserId('@a:x'), parseDeviceId('D')];
  assert.ok(userId !== undefined && deviceId !== undefined);
  return {
    userId,
    deviceId,
    userNid: 1,
    sessionNid: 1,
    isGuest: false,
    isAdmin: false,
    accountState: UNRESTRICTED,
  };
}

async function refuses(
  row: Endpoint<{ readonly sent: JsonObject[] }>,
  parts: CallParts,
  errcode: string,
  message: RegExp,
): Promise<void> {
  await assert.rejects(row.run({ sent: [] }, call({ body: { content: {} }, ...parts })), (error) => {
    assert.ok(error instanceof MatrixError, String(error));
    assert.equal(error.errcode, errcode);
    assert.equal(error.status, 400);
    assert.match(error.message, message);
    return true;
  });
}
