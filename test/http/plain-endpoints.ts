import { endpoint } from '../../src/http/endpoint.ts';
import { jsonObject } from '../../src/http/parse-input.ts';

/** Answers everybody with `{}`. */
export const hello = endpoint({
  name: 'hello',
  method: 'GET',
  path: '/hello',
  auth: 'none',
  rateLimit: 'none',
  handle: (_deps: object) => ({ body: {} }),
});

/** Answers with the body that came. */
export const echo = endpoint({
  name: 'echo',
  method: 'POST',
  path: '/echo',
  auth: 'none',
  rateLimit: 'none',
  body: jsonObject,
  handle: (_deps: object, { body }) => ({ body }),
});
