import assert from 'node:assert/strict';
import { z } from 'zod';
import { lateBody, parseBody } from '../../src/http/parse-input.ts';
import { pathParamsParser } from '../../src/http/path-params.ts';
import { refusal } from '../support/refusal.ts';

const schema = z.object({ name: z.string() });

function parseLate(body: unknown): () => unknown {
  return () => parseBody(lateBody, body, false).parse(schema);
}

describe('a body that is parsed late', () => {
  it('is accepted whatever it is, or when there is none', () => {
    for (const body of [undefined, [], 'text', { name: 1 }]) parseBody(lateBody, body, false);
  });

  it('is refused like any other body once it is parsed', () => {
    assert.throws(parseLate(undefined), refusal(400, 'M_NOT_JSON'));
    assert.throws(parseLate([]), refusal(400, 'M_BAD_JSON'));
    assert.throws(parseLate({}), refusal(400, 'M_MISSING_PARAM'));
    assert.deepEqual(parseLate({ name: 'x' })(), { name: 'x' });
  });
});

describe('path parameters', () => {
  it('hold no NUL, which the database does not', () => {
    const parse = pathParamsParser('/send/{txnId}');
    assert.throws(() => parse({ txnId: 'a\0' }), refusal(400, 'M_INVALID_PARAM'));
    assert.deepEqual(parse({ txnId: 'a' }), { txnId: 'a' });
  });
});
