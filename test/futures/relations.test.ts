import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import type { TestReply, TestUser } from '../support/server.ts';
import { C, refusalOf, startFutureServer, textIn, UNSTABLE, type FutureServer } from './future-server.ts';

describe('delayed events that relate to others', () => {
  let server: FutureServer;
  let alice: TestUser;
  let roomId: string;
  let rootId: string;
  let count = 0;
  before(async () => {
    server = await startFutureServer();
  });
  beforeEach(async () => {
    alice = await server.user(`alice${(count += 1)}`);
    roomId = await server.room(alice);
    rootId = textIn((await send({ msgtype: 'm.text', body: 'root' })).body, 'event_id');
  });
  after(() => server[Symbol.asyncDispose]());

  const send = (content: JsonObject, type = 'm.room.message', delayMs?: number): Promise<TestReply> => {
    const query = delayMs === undefined ? '' : `?org.matrix.msc4140.delay=${delayMs}`;
    const path = `${C}/rooms/${encodeURIComponent(roomId)}/send/${type}/r${(count += 1)}${query}`;
    return server.ask('PUT', path, alice, content);
  };
  const react = (key: string, delayMs?: number): Promise<TestReply> =>
    send({ 'm.relates_to': { rel_type: 'm.annotation', event_id: rootId, key } }, 'm.reaction', delayMs);
  const inThread = (parentId: string, delayMs?: number): Promise<TestReply> =>
    send(
      {
        msgtype: 'm.text',
        body: 'in a thread',
        'm.relates_to': { rel_type: 'm.thread', event_id: parentId },
      },
      'm.room.message',
      delayMs,
    );
  const endOf = async (scheduled: TestReply): Promise<unknown> => {
    const path = `${UNSTABLE}/delayed_events/${textIn(scheduled.body, 'delay_id')}`;
    const { finalised } = await server.get(path, alice);
    if (!isJsonObject(finalised)) return 'pending';
    return isJsonObject(finalised['error']) ? finalised['error']['errcode'] : 'sent';
  };
  const keys = async (): Promise<unknown[]> =>
    (await server.events(roomId, alice))
      .filter((event) => event['type'] === 'm.reaction')
      .map((event) => {
        const content = isJsonObject(event['content']) ? event['content'] : {};
        const relation = content['m.relates_to'];
        return isJsonObject(relation) ? relation['key'] : undefined;
      });

  it('fail when the same annotation was sent meanwhile, as they would at once', async () => {
    const scheduled = await react('👍', 1_000);
    assert.equal((await react('👍')).status, 200);
    await server.advance(1_000);
    assert.equal(await endOf(scheduled), 'M_DUPLICATE_ANNOTATION');
    assert.deepEqual(await keys(), ['👍']);
  });

  it('fail when the same annotation is due together with them, and others are sent in order', async () => {
    const scheduled: TestReply[] = [];
    for (const key of ['a', 'b', 'a', 'c', 'b']) scheduled.push(await react(key, 1_000));
    await server.advance(1_000);
    assert.deepEqual(await keys(), ['a', 'b', 'c']);
    const ends = await Promise.all(scheduled.map(endOf));
    const twice = 'M_DUPLICATE_ANNOTATION';
    assert.deepEqual(ends, ['sent', 'sent', twice, 'sent', twice]);
  });

  it('are refused and stay scheduled when they are to be sent early', async () => {
    const scheduled = await react('👍', 1_000);
    const sent = await react('👍');
    const path = `${UNSTABLE}/delayed_events/${textIn(scheduled.body, 'delay_id')}/send`;
    assert.deepEqual(refusalOf(await server.ask('POST', path)), [400, 'M_DUPLICATE_ANNOTATION']);
    assert.equal(await endOf(scheduled), 'pending');
    const redact = `${C}/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(textIn(sent.body, 'event_id'))}/x`;
    assert.equal((await server.ask('PUT', redact, alice, {})).status, 200);
    assert.equal((await server.ask('POST', path)).status, 200);
  });

  it('fail in a thread that would start within another, and are sent in one that does not', async () => {
    const child = textIn((await inThread(rootId)).body, 'event_id');
    const nested = await inThread(child, 1_000);
    const proper = await inThread(rootId, 1_000);
    await server.advance(1_000);
    assert.equal(await endOf(nested), 'M_UNKNOWN');
    assert.equal(await endOf(proper), 'sent');
  });
});
