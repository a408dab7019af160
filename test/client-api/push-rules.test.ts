import assert from 'node:assert/strict';
import type { JsonObject, JsonValue } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  type TestReply,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import { accountDataIn, clientPath, syncAs } from './facts-client.ts';
import { makeGuest, makeUsers, objectAt, objectsAt, refusalOf } from './rooms-client.ts';

describe('push rules', () => {
  let server: TestServer;
  let alice: TestUser;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    [alice] = await makeUsers(server, 'alice');
  });

  const path = (...parts: readonly string[]): string => clientPath('pushrules', 'global', ...parts);
  const get = (...parts: readonly string[]): Promise<TestReply> =>
    request(server, 'GET', path(...parts), { token: alice });
  const put = (kind: string, ruleId: string, body: JsonObject = {}, query = ''): Promise<TestReply> =>
    request(server, 'PUT', path(kind, ruleId) + query, { token: alice, body: { actions: [], ...body } });
  const ruleset = async (user = alice): Promise<JsonObject> =>
    objectAt(await succeed(server, 'GET', '/_matrix/client/v3/pushrules/', { token: user }), 'global');
  const order = async (kind: string): Promise<(JsonValue | undefined)[]> =>
    objectsAt(await ruleset(), kind)
      .filter((rule) => rule['default'] === false)
      .map((rule) => rule['rule_id']);

  it('of a new user are those that everybody has', async () => {
    const rules = await ruleset();
    assert.deepEqual(Object.keys(rules), ['override', 'content', 'room', 'sender', 'underride']);
    assert.deepEqual(objectsAt(rules, 'override')[0], {
      rule_id: '.m.rule.master',
      default: true,
      enabled: false,
      conditions: [],
      actions: [],
    });
    const mention = objectsAt(rules, 'override').find(
      (rule) => rule['rule_id'] === '.m.rule.is_user_mention',
    );
    assert.deepEqual(objectsAt(mention ?? {}, 'conditions'), [
      { kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: alice.userId },
    ]);
  });

  it('are read at every level, with and without a slash at the end, and under the old prefix', async () => {
    const all = { global: await ruleset() };
    const expected: readonly (readonly [string, JsonValue])[] = [
      ['', all],
      ['/global', all.global],
      ['/global/override', all.global['override'] ?? null],
    ];
    for (const [level, answer] of expected) {
      for (const prefix of ['v3', 'r0']) {
        for (const slash of ['', '/']) {
          const url = `/_matrix/client/${prefix}/pushrules${level}${slash}`;
          assert.deepEqual((await request(server, 'GET', url, { token: alice })).json, answer, url);
        }
      }
    }
    const master = (await get('override', '.m.rule.master')).json;
    assert.deepEqual(master, objectsAt(all.global, 'override')[0]);
  });

  it('are made, read, written over and deleted', async () => {
    const tea = { pattern: 'tea', actions: ['notify', { set_tweak: 'sound', value: 'kettle' }] };
    assert.deepEqual((await put('content', 'Tea', tea)).json, {});
    const made = { rule_id: 'Tea', default: false, enabled: true, ...tea };
    assert.deepEqual((await get('content', 'Tea')).json, made);
    await put('content', 'Tea', { pattern: 'green tea', actions: ['notify'] });
    const rewritten = { ...made, pattern: 'green tea', actions: ['notify'] };
    assert.deepEqual((await get('content', 'Tea')).json, rewritten);
    const deleted = await request(server, 'DELETE', path('content', 'Tea'), { token: alice });
    assert.deepEqual([deleted.status, deleted.json], [200, {}]);
    assert.deepEqual(refusalOf(await get('content', 'Tea')), [404, 'M_NOT_FOUND']);
  });

  it('of each kind keep what belongs to the kind', async () => {
    const conditions = [
      { kind: 'event_match', key: 'type', pattern: 'm.*' },
      { kind: 'event_property_is', key: 'content.x', value: null },
      { kind: 'org.example.new', x: [1] },
    ];
    for (const kind of ['override', 'underride']) {
      await put(kind, 'mine', { conditions, pattern: 'x' });
      const rule = { rule_id: 'mine', default: false, enabled: true, conditions, actions: [] };
      assert.deepEqual((await get(kind, 'mine')).json, rule);
    }
    await put('room', '!a:test', { conditions, actions: ['dont_notify'] });
    const room = { rule_id: '!a:test', default: false, enabled: true, actions: ['dont_notify'] };
    assert.deepEqual((await get('room', '!a:test')).json, room);
    await put('sender', '@a:test');
    assert.deepEqual((await get('sender', '@a:test')).body['actions'], []);
  });

  it('stand first when they are made, and where they were when they are written over', async () => {
    for (const name of ['a', 'b', 'c']) await put('override', name);
    assert.deepEqual(await order('override'), ['c', 'b', 'a']);
    await put('override', 'b', { actions: ['notify'] });
    assert.deepEqual(await order('override'), ['c', 'b', 'a']);
    assert.deepEqual(
      objectsAt(await ruleset(), 'override')
        .map((rule) => rule['rule_id'])
        .slice(0, 5),
      ['.m.rule.master', 'c', 'b', 'a', '.m.rule.suppress_notices'],
    );
  });

  it('are put before or after others', async () => {
    for (const name of ['c', 'b', 'a']) await put('content', name, { pattern: name });
    await put('content', 'x', { pattern: 'x' }, '?before=c');
    assert.deepEqual(await order('content'), ['a', 'b', 'x', 'c']);
    await put('content', 'x', { pattern: 'x' }, '?after=a');
    assert.deepEqual(await order('content'), ['a', 'x', 'b', 'c']);
    await put('content', 'a', { pattern: 'a' }, '?after=c');
    assert.deepEqual(await order('content'), ['x', 'b', 'c', 'a']);
    await put('content', 'y', { pattern: 'y' }, '?before=b&after=c');
    assert.deepEqual(await order('content'), ['x', 'y', 'b', 'c', 'a']);
  });

  it('cannot be put next to what is not there, or next to a rule that everybody has', async () => {
    await put('override', 'a');
    for (const query of [
      '?before=none',
      '?after=none',
      '?before=.m.rule.reaction',
      '?before=a&after=none',
      '?after=b',
    ]) {
      assert.deepEqual(refusalOf(await put('override', 'b', {}, query)), [400, 'M_UNKNOWN'], query);
    }
    assert.deepEqual(await order('override'), ['a']);
  });

  it('are refused with names, kinds and bodies that cannot be', async () => {
    const refusals: readonly (readonly [string, string, JsonObject, string])[] = [
      ['override', '.mine', {}, 'M_INVALID_PARAM'],
      ['override', '.m.rule.master', {}, 'M_INVALID_PARAM'],
      ['override', 'a/b', {}, 'M_INVALID_PARAM'],
      ['override', 'a\\b', {}, 'M_INVALID_PARAM'],
      ['override', 'a'.repeat(256), {}, 'M_INVALID_PARAM'],
      ['override', 'a', { actions: 'notify' }, 'M_BAD_JSON'],
      ['override', 'a', { actions: ['shout'] }, 'M_INVALID_PARAM'],
      ['override', 'a', { actions: [{ sound: 'x' }] }, 'M_INVALID_PARAM'],
      ['override', 'a', { conditions: {} }, 'M_BAD_JSON'],
      ['override', 'a', { conditions: ['x'] }, 'M_BAD_JSON'],
      ['override', 'a', { conditions: [{ key: 'x' }] }, 'M_MISSING_PARAM'],
      ...[{ key: 1 }, { pattern: {} }, { is: 2 }, { value: [] }, { value: 1.5 }].map(
        (part) =>
          ['override', 'a', { conditions: [{ kind: 'of tomorrow', ...part }] }, 'M_BAD_JSON'] as const,
      ),
      ['content', 'a', {}, 'M_MISSING_PARAM'],
      ['content', 'a', { pattern: 1 }, 'M_BAD_JSON'],
      ['content', 'a', { pattern: 'x'.repeat(2_000) }, 'M_INVALID_PARAM'],
      ['content', 'a', { pattern: '?'.repeat(33) }, 'M_INVALID_PARAM'],
    ];
    for (const [kind, ruleId, body, errcode] of refusals) {
      assert.deepEqual(
        refusalOf(await put(kind, ruleId, body)),
        [400, errcode],
        `${kind} ${ruleId} ${JSON.stringify(body)}`,
      );
    }
    assert.deepEqual(refusalOf(await put('overrides', 'a')), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await get('postcontent', '.new.rule')), [404, 'M_NOT_FOUND']);
    const bare = await request(server, 'PUT', path('override', 'a'), { token: alice, body: {} });
    assert.deepEqual(refusalOf(bare), [400, 'M_MISSING_PARAM']);
    assert.deepEqual(await order('override'), []);
  });

  it('that are not there are not found', async () => {
    for (const [method, parts] of [
      ['GET', ['override', 'none']],
      ['DELETE', ['override', 'none']],
      ['DELETE', ['override', '.m.rule.master']],
      ['GET', ['override', 'none', 'enabled']],
      ['GET', ['override', '.m.rule.none', 'actions']],
    ] as const) {
      const reply = await request(server, method, path(...parts), { token: alice });
      assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND'], `${method} ${parts.join('/')}`);
    }
    const enabling = { token: alice, body: { enabled: true } };
    const reply = await request(server, 'PUT', path('room', '!none:test', 'enabled'), enabling);
    assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await get('none')), [404, 'M_NOT_FOUND']);
    const unknown = await request(server, 'GET', clientPath('pushrules', 'device', 'override'), {
      token: alice,
    });
    assert.deepEqual(refusalOf(unknown), [404, 'M_UNRECOGNIZED']);
  });

  for (const ruleId of ['mine', '.m.rule.suppress_edits']) {
    it(`such as ${ruleId} are disabled, enabled and given other actions`, async () => {
      await put('override', 'mine');
      const set = (what: string, body: JsonObject): Promise<TestReply> =>
        request(server, 'PUT', path('override', ruleId, what), { token: alice, body });
      assert.deepEqual((await get('override', ruleId, 'enabled')).json, { enabled: true });
      assert.deepEqual((await set('enabled', { enabled: false })).json, {});
      assert.deepEqual((await get('override', ruleId, 'enabled')).json, { enabled: false });
      assert.deepEqual((await set('actions', { actions: ['notify'] })).json, {});
      assert.deepEqual((await get('override', ruleId, 'actions')).json, { actions: ['notify'] });
      assert.equal((await get('override', ruleId)).body['enabled'], false);
      await set('enabled', { enabled: true });
      assert.deepEqual((await get('override', ruleId)).body['actions'], ['notify']);
      assert.deepEqual(refusalOf(await set('enabled', {})), [400, 'M_MISSING_PARAM']);
      assert.deepEqual(refusalOf(await set('enabled', { enabled: 'no' })), [400, 'M_BAD_JSON']);
      assert.deepEqual(refusalOf(await set('actions', {})), [400, 'M_MISSING_PARAM']);
    });
  }

  it('that are disabled stay so when they are written over', async () => {
    await put('override', 'mine');
    await succeed(server, 'PUT', path('override', 'mine', 'enabled'), {
      token: alice,
      body: { enabled: false },
    });
    await put('override', 'mine', { actions: ['notify'] });
    assert.equal((await get('override', 'mine')).body['enabled'], false);
  });

  it('reach clients by /sync, at first and whenever they change', async () => {
    const first = await syncAs(server, alice);
    assert.deepEqual(accountDataIn(first.body)['m.push_rules'], { global: await ruleset() });
    const waiting = syncAs(server, alice, { since: first.next, timeout: '30000' });
    await put('room', '!a:test', { actions: [] });
    const changed = await waiting;
    const rules = await ruleset();
    assert.equal(objectsAt(rules, 'room').length, 1);
    assert.deepEqual(accountDataIn(changed.body)['m.push_rules'], { global: rules });
    const quiet = await syncAs(server, alice, { since: changed.next });
    assert.equal(accountDataIn(quiet.body)['m.push_rules'], undefined);
    const again = await syncAs(server, alice);
    const events = objectsAt(objectAt(again.body, 'account_data'), 'events');
    assert.equal(events.filter((event) => event['type'] === 'm.push_rules').length, 1);
  });

  it('are account data to read, and not to write', async () => {
    const data = clientPath('user', alice.userId, 'account_data', 'm.push_rules');
    assert.deepEqual(await succeed(server, 'GET', data, { token: alice }), { global: await ruleset() });
    const written = await request(server, 'PUT', data, { token: alice, body: {} });
    assert.equal(written.status, 405);
  });

  it('belong to their user alone, and not to guests', async () => {
    const [bob] = await makeUsers(server, 'bob');
    await put('override', 'mine');
    assert.equal(JSON.stringify(await ruleset(bob)).includes('"mine"'), false);
    const guest = await makeGuest(server);
    const reply = await request(server, 'GET', '/_matrix/client/v3/pushrules/', { token: guest });
    assert.deepEqual(refusalOf(reply), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
  });

  it('that are changed at once are all kept', async () => {
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => put('override', name)));
    assert.deepEqual(new Set(await order('override')), new Set(['a', 'b', 'c', 'd', 'e']));
    await put('override', 'z', {}, '?after=a');
    const ids = await order('override');
    assert.equal(ids.indexOf('z'), ids.indexOf('a') + 1);
  });
});
