import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { findFault } from './fuzz/judge.ts';
import { readSourceFiles } from './support/source-files.ts';
import { checkAgainstSpec, checkedFetch, takeViolations } from './support/spec-check.ts';
import { listenOnLoopback } from './support/loopback.ts';

const SYNC = '/_matrix/client/v3/sync';
const VERSIONS = '/_matrix/client/versions';

/** Files of tests that make requests of their own, and why their answers are not held against the specification here. */
const OWN_REQUESTS: ReadonlyMap<string, string> = new Map([
  ['support/spec-check.ts', 'does it for all others'],
  ['http/', 'has endpoints that are made up'],
  ['server/metrics.test.ts', 'asks for metrics, which the specification does not have'],
  ['futures/token-use.test.ts', 'asks for futures, which the specification does not have'],
  ['conformance/', 'judges any server, and says itself what was wrong'],
  ['fuzz/', 'sends bytes that may be no HTTP; what answers is judged there by the same check'],
]);

const REQUEST = new RegExp('(?<![.\\w])(?:fetch|https?Request)(?=[(,;)])');

describe('the check of answers against the specification', () => {
  const check = (method: string, path: string, status: number, json: unknown): void =>
    checkAgainstSpec(method, path, { status, contentType: 'application/json', json });

  describe('with the specification at hand', () => {
    before(function () {
      if ((process.env['MATRIX_SPEC_DATA'] ?? '') !== '') return;
      console.log('      MATRIX_SPEC_DATA is not set, so no answer is checked.');
      // The schemas are the specification's and not ours to ship; without them there is nothing that the check could find.
      this.skip();
    });
    afterEach(takeViolations);

    it('lets pass what fits', () => {
      check('GET', VERSIONS, 200, { versions: ['v1.19'] });
      check('GET', `${SYNC}?since=s1`, 200, { next_batch: 's2' });
      check('GET', SYNC, 404, { errcode: 'M_NOT_FOUND', error: 'gone' });
      checkAgainstSpec('GET', '/_matrix/client/v1/media/download/a/b', {
        status: 200,
        contentType: 'image/png',
        json: undefined,
      });
    });

    it('finds a member that is missing', () => {
      assert.throws(() => check('GET', VERSIONS, 200, {}), /must have required property 'versions'/);
    });

    it('finds a value of the wrong type far inside', () => {
      const event = {
        type: 'm.x',
        content: {},
        event_id: '$e',
        sender: '@a:localhost',
        origin_server_ts: '1',
      };
      const body = {
        next_batch: 's2',
        rooms: { join: { '!r:localhost': { timeline: { events: [event] } } } },
      };
      assert.throws(() => check('GET', SYNC, 200, body), /events\/0\/origin_server_ts must be integer/);
    });

    it('finds a refusal without an errcode, also by a status that the operation does not name', () => {
      for (const status of [403, 404, 500]) {
        assert.throws(
          () => check('GET', '/_matrix/client/v3/rooms/!a:b/messages', status, { error: 'no' }),
          /must have required property 'errcode'/,
        );
      }
    });

    it('finds a success that the operation does not name', () => {
      assert.throws(() => check('GET', VERSIONS, 201, { versions: [] }), /names no status 201/);
    });

    it('finds JSON that does not say what it is', () => {
      const answer = { status: 200, contentType: 'text/plain', json: { versions: [] } };
      assert.throws(() => checkAgainstSpec('GET', VERSIONS, answer), /Content-Type is text\/plain/);
    });

    it('judges the answers to odd requests', () => {
      const request = {
        name: 'getVersions',
        method: 'GET',
        bytes: Buffer.from(`GET ${VERSIONS}?odd=1 HTTP/1.1\r\nHost: localhost\r\n\r\n`),
        isSound: true,
        mayWait: false,
      };
      const judge = (json: string): string | undefined =>
        findFault(request, {
          kind: 'answered',
          status: 200,
          headers: new Map([['content-type', 'application/json']]),
          body: Buffer.from(json),
          isClosing: false,
        });
      assert.equal(judge('{"versions":[]}'), undefined);
      assert.match(judge('{}') ?? '', /must have required property 'versions'/);
    });

    it('remembers what it found where nobody hears what is thrown', async () => {
      const server = createServer((_request, response) => {
        response.setHeader('Content-Type', 'application/json').end('{}');
      });
      const port = await listenOnLoopback(server);
      await checkedFetch(new URL(VERSIONS, `http://127.0.0.1:${port}`)).catch(() => undefined);
      server.close();
      assert.match(takeViolations().join(), /GET \/_matrix\/client\/versions answers 200 against/);
    });
  });

  it('is passed by all requests of all tests', () => {
    const files = readSourceFiles('test').filter(({ codeLines }) =>
      codeLines.some((line) => REQUEST.test(line)),
    );
    const allowed = [...OWN_REQUESTS.keys()];
    assert.deepEqual(
      files.map(({ path }) => path).filter((path) => !allowed.some((start) => path.startsWith(start))),
      [],
      'requests of tests are made by checkedFetch',
    );
  });
});
