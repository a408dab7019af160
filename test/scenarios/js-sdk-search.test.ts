import assert from 'node:assert/strict';
import { MsgType, RelationType, type MatrixClient } from 'matrix-js-sdk';
import { makeClient } from '../support/js-sdk.ts';
import { silenceConsole } from '../support/quiet-console.ts';
import { registerUser, startLiveTestServer, type LiveTestServer } from '../support/server.ts';
import { unrefTimers } from '../support/unref-timers.ts';

describe('a search with matrix-js-sdk', function () {
  this.timeout(60_000);
  let server: LiveTestServer;
  let client: MatrixClient;
  let roomId: string;
  let restoreConsole: () => void = () => undefined;
  let restoreTimers: () => void = () => undefined;
  before(async () => {
    restoreConsole = silenceConsole();
    restoreTimers = unrefTimers();
    server = await startLiveTestServer();
    client = makeClient(server, await registerUser(server, 'alice')).client;
    roomId = (await client.createRoom({ name: 'The needle room' })).room_id;
  });
  after(async () => {
    client?.stopClient();
    await server[Symbol.asyncDispose]();
    restoreTimers();
    restoreConsole();
  });

  it('goes through all results, with what surrounds them', async () => {
    for (let i = 0; i < 12; i++) await client.sendTextMessage(roomId, `needle ${i}`);
    const found = await client.searchRoomEvents({ term: 'needle', filter: { limit: 5 } });
    assert.deepEqual([found.count, found.results.length, found.highlights], [13, 5, ['needle']]);
    const context = found.results[1]?.context;
    assert.deepEqual(
      context?.getTimeline().map((event) => String(event.getContent()['body'])),
      ['needle 9', 'needle 10', 'needle 11'],
    );
    assert.equal(context?.getEvent().getSender(), client.getUserId());
    while (found.next_batch !== undefined) await client.backPaginateRoomEventsSearch(found);
    assert.equal(found.results.length, 13);
    assert.equal(new Set(found.results.map((result) => result.context.getEvent().getId())).size, 13);
  });

  it('shows an edited message as it is now', async () => {
    const { event_id: eventId } = await client.sendTextMessage(roomId, 'a haystak');
    await client.sendMessage(roomId, {
      msgtype: MsgType.Text,
      body: '* a haystack',
      'm.new_content': { msgtype: MsgType.Text, body: 'a haystack' },
      'm.relates_to': { rel_type: RelationType.Replace, event_id: eventId },
    });
    const found = await client.searchRoomEvents({ term: 'haystack' });
    const event = found.results[0]?.context.getEvent();
    assert.deepEqual([found.count, event?.getId(), event?.getContent()['body']], [1, eventId, 'a haystack']);
  });

  it('finds other users', async () => {
    const other = makeClient(server, await registerUser(server, 'roberta')).client;
    await other.setDisplayName('Öre Roberta');
    await other.joinRoom((await client.createRoom({ initial_state: [PUBLIC] })).room_id);
    assert.deepEqual(await client.searchUserDirectory({ term: 'ore' }), {
      results: [{ user_id: other.getUserId(), display_name: 'Öre Roberta' }],
      limited: false,
    });
  });
});

const PUBLIC = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'public' } };
