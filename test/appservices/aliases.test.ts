import assert from 'node:assert/strict';
import { registerUser, request, startTestServer, succeed, textAt } from '../support/server.ts';
import type { TestServer, TestUser } from '../support/server.ts';
import { bridge, C, namespace, otherBridge, registerBridged, requestAs, succeedAs } from './bridge.ts';

const OPEN = [namespace('#open_', false), namespace('#irc_', false)];
const pathOf = (alias: string): string => `${C}/directory/room/${encodeURIComponent(alias)}`;

describe('aliases in a namespace of an application service', () => {
  let server: TestServer;
  let bob: TestUser;
  let room: string;
  const bot = bridge().sender;

  before(async () => {
    const slack = otherBridge();
    const appservices = [bridge(), { ...slack, namespaces: { ...slack.namespaces, aliases: OPEN } }];
    server = await startTestServer({ config: { appservices } });
    bob = await registerUser(server, 'bob');
    const body = { preset: 'public_chat' };
    room = textAt(await succeed(server, 'POST', `${C}/createRoom`, { token: bob, body }), 'room_id');
    await succeedAs(server, bot, 'POST', `${C}/join/${encodeURIComponent(room)}`, {});
  });
  after(() => server[Symbol.asyncDispose]());

  const make = (alias: string, token: TestUser | string) =>
    request(server, 'PUT', pathOf(alias), { token, body: { room_id: room } });

  it('are made and removed by the service', async () => {
    await succeedAs(server, bot, 'PUT', pathOf('#irc_one:localhost'), { room_id: room });
    await registerBridged(server, 'irc_alice');
    await succeedAs(server, '@irc_alice:localhost', 'DELETE', pathOf('#irc_one:localhost'));
    assert.equal((await request(server, 'GET', pathOf('#irc_one:localhost'))).status, 404);
    await succeedAs(server, bot, 'POST', `${C}/createRoom`, { room_alias_name: 'irc_two' });
    assert.equal((await request(server, 'GET', pathOf('#irc_two:localhost'))).status, 200);
  });

  it('are for nobody else to make or remove when the namespace is exclusive', async () => {
    await succeedAs(server, bot, 'PUT', pathOf('#irc_kept:localhost'), { room_id: room });
    const refused = [
      await make('#irc_three:localhost', bob),
      await make('#irc_three:localhost', 'slack'),
      await request(server, 'POST', `${C}/createRoom`, {
        token: bob,
        body: { room_alias_name: 'irc_three' },
      }),
      await request(server, 'DELETE', pathOf('#irc_kept:localhost'), { token: bob }),
    ];
    assert.deepEqual(
      refused.map(({ status, body }) => [status, body['errcode']]),
      refused.map(() => [400, 'M_EXCLUSIVE']),
    );
  });

  it('are the only ones that the service may make', async () => {
    const put = await requestAs(server, bot, 'PUT', pathOf('#other:localhost'), { room_id: room });
    const made = await requestAs(server, bot, 'POST', `${C}/createRoom`, { room_alias_name: 'other' });
    for (const { status, body } of [put, made])
      assert.deepEqual([status, body['errcode']], [400, 'M_EXCLUSIVE']);
  });

  it('are for anybody when the namespace is not exclusive', async () => {
    assert.equal((await make('#open_one:localhost', bob)).status, 200);
  });
});
