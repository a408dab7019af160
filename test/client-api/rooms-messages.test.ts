import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/util/json.ts';
import {
  request,
  startTestServer,
  succeed,
  textAt,
  type TestServer,
  type TestUser,
} from '../support/server.ts';
import {
  FORBIDDEN,
  act,
  makeGuest,
  makeRoom,
  makeSharedRoom,
  makeTwo,
  makeUsers,
  objectAt,
  objectsAt,
  pathOf,
  putState,
  refusalOf,
  say,
  textsOf,
} from './rooms-client.ts';

/** What was said in the events of a page. */
function textsIn(body: JsonObject): unknown[] {
  return textsOf(objectsAt(body, 'chunk'));
}

describe('reading a room', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [alice, bob] = await makeTwo(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const page = (user: TestUser, roomId: string, query: Record<string, string> = {}): Promise<JsonObject> =>
    succeed(server, 'GET', `${pathOf(roomId, 'messages')}?${new URLSearchParams(query).toString()}`, {
      token: user,
    });
  const context = (user: TestUser, roomId: string, eventId: string, query = ''): Promise<JsonObject> =>
    succeed(server, 'GET', `${pathOf(roomId, 'context', eventId)}?${query}`, { token: user });

  /** A room in which `count` messages were sent: m1, m2 … */
  const makeTalk = async (count: number, wishes: JsonObject = {}): Promise<string> => {
    const roomId = await makeRoom(server, alice, wishes);
    for (let index = 1; index <= count; index += 1) await say(server, alice, roomId, `m${index}`);
    return roomId;
  };
  /** All pages from one end to the other. */
  const readAll = async (
    user: TestUser,
    roomId: string,
    query: Record<string, string>,
  ): Promise<unknown[][]> => {
    const pages: unknown[][] = [];
    for (let from: string | undefined; pages.length < 50;) {
      const body = await page(user, roomId, { ...query, ...(from === undefined ? {} : { from }) });
      pages.push(textsIn(body));
      if (body['end'] === undefined) break;
      from = textAt(body, 'end');
    }
    return pages;
  };

  describe('in pages', () => {
    it('gives the newest first going back, and says where to go on', async () => {
      const roomId = await makeTalk(5);
      const first = await page(alice, roomId, { dir: 'b', limit: '2' });
      assert.deepEqual(textsIn(first), ['m5', 'm4']);
      const second = await page(alice, roomId, { dir: 'b', limit: '2', from: textAt(first, 'end') });
      assert.deepEqual(textsIn(second), ['m3', 'm2']);
      assert.equal(second['start'], first['end']);
    });

    it('gives the oldest first going forward', async () => {
      const roomId = await makeTalk(3);
      const pages = await readAll(alice, roomId, { dir: 'f', limit: '4' });
      const types = ['m.room.create', 'm.room.member', 'm.room.power_levels', 'm.room.join_rules'];
      assert.deepEqual(pages, [
        types,
        ['m.room.history_visibility', 'm.room.guest_access', 'm1', 'm2'],
        ['m3'],
      ]);
    });

    for (const limit of ['1', '2', '3', '9', '100']) {
      it(`shows every event once in either direction, ${limit} at a time, and ends without an end`, async () => {
        const roomId = await makeTalk(3);
        const back = (await readAll(alice, roomId, { dir: 'b', limit })).flat();
        const forth = (await readAll(alice, roomId, { dir: 'f', limit })).flat();
        assert.equal(back.length, 9);
        assert.deepEqual(back.toReversed(), forth);
      });
    }

    it('turns round at any token', async () => {
      const roomId = await makeTalk(4);
      const back = await page(alice, roomId, { dir: 'b', limit: '2' });
      const forth = await page(alice, roomId, { dir: 'f', from: textAt(back, 'end') });
      assert.deepEqual(textsIn(forth), ['m3', 'm4']);
      assert.equal(forth['end'], undefined);
    });

    it('stops at `to`', async () => {
      const roomId = await makeTalk(5);
      const newest = await page(alice, roomId, { limit: '1' });
      const to = textAt(await page(alice, roomId, { limit: '3' }), 'end');
      assert.deepEqual(textsIn(await page(alice, roomId, { from: textAt(newest, 'end'), to })), ['m4', 'm3']);
      const forth = await page(alice, roomId, { dir: 'f', from: to, to: textAt(newest, 'end') });
      assert.deepEqual(textsIn(forth), ['m3', 'm4']);
    });

    it('gives ten without a limit and takes an empty token for none', async () => {
      const roomId = await makeTalk(12);
      assert.equal(textsIn(await page(alice, roomId, { from: '' })).length, 10);
    });

    it('refuses tokens, directions, limits and filters that are none', async () => {
      const roomId = await makeRoom(server, alice);
      for (const query of ['from=x', 'to=s1.5', 'dir=up', 'limit=-1', 'limit=many']) {
        const reply = await request(server, 'GET', `${pathOf(roomId, 'messages')}?${query}`, {
          token: alice,
        });
        assert.deepEqual(refusalOf(reply), [400, 'M_INVALID_PARAM'], query);
      }
      for (const filter of ['{', '[]', '{"limit":"x"}']) {
        const query = new URLSearchParams({ filter }).toString();
        const reply = await request(server, 'GET', `${pathOf(roomId, 'messages')}?${query}`, {
          token: alice,
        });
        assert.deepEqual(refusalOf(reply), [400, 'M_BAD_JSON'], filter);
      }
    });
  });

  describe('with a filter', () => {
    it('gives what the filter admits, as many as the limit says', async () => {
      const roomId = await makeTalk(3);
      await putState(server, alice, roomId, 'm.room.topic', { topic: 'between' });
      await say(server, alice, roomId, 'm4');
      const filter = JSON.stringify({ types: ['m.room.message'] });
      const first = await page(alice, roomId, { filter, limit: '2' });
      assert.deepEqual(textsIn(first), ['m4', 'm3']);
      const rest = await page(alice, roomId, { filter, from: textAt(first, 'end') });
      assert.deepEqual(textsIn(rest), ['m2', 'm1']);
      const past = await page(alice, roomId, { filter, from: textAt(rest, 'end') });
      assert.deepEqual([textsIn(past), past['end']], [[], undefined]);
      const limited = await page(alice, roomId, { filter: JSON.stringify({ limit: 1 }), limit: '2' });
      assert.deepEqual(textsIn(limited), ['m4']);
    });

    it('adds the members who spoke when they are loaded lazily', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const [silent] = await makeUsers(server, 'silent');
      await act(server, silent, roomId, 'join');
      await say(server, alice, roomId, 'from alice');
      await say(server, bob, roomId, 'from bob');
      const filter = JSON.stringify({ lazy_load_members: true });
      const body = await page(alice, roomId, { filter, limit: '2' });
      const members = objectsAt(body, 'state');
      assert.ok(members.every((event) => event['type'] === 'm.room.member'));
      const keys = new Set(members.map((event) => event['state_key']));
      assert.deepEqual([keys, members.length], [new Set([alice.userId, bob.userId]), 2]);
      assert.equal((await page(alice, roomId, { limit: '2' }))['state'], undefined);
    });
  });

  describe('as somebody who', () => {
    it('has left, ends where they left, in both directions', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      await say(server, alice, roomId, 'before');
      await act(server, bob, roomId, 'leave');
      const token = textAt(await page(alice, roomId, { limit: '1' }), 'start');
      await say(server, alice, roomId, 'after');
      assert.deepEqual(textsIn(await page(bob, roomId, { limit: '2' })), ['m.room.member', 'before']);
      assert.deepEqual(textsIn(await page(bob, roomId, { limit: '2', from: token })), [
        'm.room.member',
        'before',
      ]);
      assert.deepEqual(textsIn(await page(bob, roomId, { dir: 'f', from: token })), []);
      const reply = await request(server, 'GET', pathOf(roomId, 'messages'), { token: bob });
      assert.ok(!textsIn(reply.body).includes('after'));
    });

    it('was never there, is refused, as for a room that does not exist', async () => {
      const roomId = await makeRoom(server, alice, { invite: [bob.userId] });
      for (const id of [roomId, '!nothing:localhost']) {
        const reply = await request(server, 'GET', pathOf(id, 'messages'), { token: bob });
        assert.deepEqual(refusalOf(reply), FORBIDDEN);
      }
    });

    it('only looks in, sees what was said while the world could read', async () => {
      const roomId = await makeTalk(1);
      await putState(server, alice, roomId, 'm.room.history_visibility', {
        history_visibility: 'world_readable',
      });
      await say(server, alice, roomId, 'm2');
      const guest = await makeGuest(server);
      const seen = textsIn(await page(guest, roomId, { limit: '100' }));
      assert.deepEqual(seen, ['m2', 'm.room.history_visibility']);
    });
  });

  describe('by history visibility', () => {
    /** What bob sees of: said before his invite, between invite and join, while joined, and after he left. */
    const expected = {
      joined: ['while'],
      invited: ['while', 'invited'],
      shared: ['while', 'invited', 'before'],
      world_readable: ['while', 'invited', 'before'],
      nonsense: ['while', 'invited', 'before'],
    };
    for (const [visibility, texts] of Object.entries(expected)) {
      it(`${visibility} shows a member who came and went ${texts.join(', ')}`, async () => {
        const setting = { type: 'm.room.history_visibility', content: { history_visibility: visibility } };
        const roomId = await makeRoom(server, alice, { initial_state: [setting] });
        const ids = new Map<string, string>();
        const speak = async (text: string): Promise<void> => {
          ids.set(text, await say(server, alice, roomId, text));
        };
        await speak('before');
        await act(server, alice, roomId, 'invite', { user_id: bob.userId });
        await speak('invited');
        await act(server, bob, roomId, 'join');
        await speak('while');
        await act(server, bob, roomId, 'leave');
        await speak('after');
        const filter = JSON.stringify({ types: ['m.room.message'] });
        assert.deepEqual(textsIn(await page(bob, roomId, { filter })), texts);
        for (const [text, eventId] of ids) {
          const reply = await request(server, 'GET', pathOf(roomId, 'event', eventId), { token: bob });
          const isSeen = texts.includes(text) || (text === 'after' && visibility === 'world_readable');
          assert.equal(reply.status, isSeen ? 200 : 404, text);
        }
      });
    }

    it('shows the change of the rule itself, and own member events, from either side of them', async () => {
      const setting = { type: 'm.room.history_visibility', content: { history_visibility: 'joined' } };
      const roomId = await makeRoom(server, alice, { initial_state: [setting] });
      await putState(server, alice, roomId, 'm.room.history_visibility', { history_visibility: 'shared' });
      await say(server, alice, roomId, 'shared');
      await putState(server, alice, roomId, 'm.room.history_visibility', { history_visibility: 'joined' });
      await say(server, alice, roomId, 'hidden');
      await act(server, bob, roomId, 'join');
      assert.deepEqual(textsIn(await page(bob, roomId, { limit: '4' })), [
        'm.room.member',
        'm.room.history_visibility',
        'shared',
        'm.room.history_visibility',
      ]);
    });
  });

  describe('one event', () => {
    it('comes with the membership that the reader had then', async () => {
      const roomId = await makeRoom(server, alice);
      const before = await say(server, alice, roomId, 'before');
      await act(server, alice, roomId, 'invite', { user_id: bob.userId });
      const invited = await say(server, alice, roomId, 'invited');
      await act(server, bob, roomId, 'join');
      const joined = await say(server, alice, roomId, 'joined');
      const memberships = [];
      for (const eventId of [before, invited, joined]) {
        const event = await succeed(server, 'GET', pathOf(roomId, 'event', eventId), { token: bob });
        memberships.push(objectAt(event, 'unsigned')['membership']);
      }
      assert.deepEqual(memberships, ['leave', 'invite', 'join']);
    });

    it('has an age that grows', async () => {
      const roomId = await makeRoom(server, alice);
      const eventId = await say(server, alice, roomId, 'old');
      server.clock.advance(5_000);
      const event = await succeed(server, 'GET', pathOf(roomId, 'event', eventId), { token: alice });
      assert.equal(objectAt(event, 'unsigned')['age'], 5_000);
    });

    it('is not found in another room, by strangers, or when it does not exist', async () => {
      const roomId = await makeRoom(server, alice);
      const other = await makeRoom(server, alice);
      const eventId = await say(server, alice, roomId, 'here');
      const cases: [TestUser, string, string][] = [
        [alice, other, eventId],
        [bob, roomId, eventId],
        [alice, roomId, '$nothing'],
        [alice, '!nothing:localhost', eventId],
      ];
      for (const [user, room, id] of cases) {
        const reply = await request(server, 'GET', pathOf(room, 'event', id), { token: user });
        assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND']);
      }
    });

    it('is found without its room as well, by who may see it', async () => {
      const roomId = await makeRoom(server, alice);
      const eventId = await say(server, alice, roomId, 'here');
      const path = (id: string): string => `/_matrix/client/v3/events/${encodeURIComponent(id)}`;
      const { room_id: room, ...event } = await succeed(server, 'GET', path(eventId), { token: alice });
      assert.deepEqual([room, event['event_id'], textsOf([event])], [roomId, eventId, ['here']]);
      for (const [user, id] of [
        [bob, eventId],
        [alice, '$nothing'],
      ] as const) {
        const reply = await request(server, 'GET', path(id), { token: user });
        assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND']);
      }
      const guest = await request(server, 'GET', path(eventId), { token: await makeGuest(server) });
      assert.deepEqual(refusalOf(guest), [403, 'M_GUEST_ACCESS_FORBIDDEN']);
    });
  });

  describe('around an event', () => {
    it('gives both sides, nearest first, with tokens to go on from and the state at the end', async () => {
      const roomId = await makeTalk(3);
      const eventId = await say(server, alice, roomId, 'middle');
      for (const text of ['m5', 'm6', 'm7']) await say(server, alice, roomId, text);
      const body = await context(alice, roomId, eventId, 'limit=4');
      assert.deepEqual(textsOf(objectsAt(body, 'events_before')), ['m3', 'm2']);
      assert.deepEqual(textsOf([objectAt(body, 'event')]), ['middle']);
      assert.deepEqual(textsOf(objectsAt(body, 'events_after')), ['m5', 'm6']);
      assert.equal(objectsAt(body, 'state').length, 6);
      assert.equal(textsIn(await page(alice, roomId, { from: textAt(body, 'start'), limit: '1' }))[0], 'm1');
      assert.deepEqual(textsIn(await page(alice, roomId, { dir: 'f', from: textAt(body, 'end') })), ['m7']);
    });

    it('gives the event alone with a limit of 0, and at the ends what there is', async () => {
      const roomId = await makeTalk(1);
      const eventId = await say(server, alice, roomId, 'last');
      const alone = await context(alice, roomId, eventId, 'limit=0');
      assert.deepEqual([alone['events_before'], alone['events_after']], [[], []]);
      assert.deepEqual(textsIn(await page(alice, roomId, { from: textAt(alone, 'start'), limit: '1' })), [
        'm1',
      ]);
      const ends = await context(alice, roomId, eventId, 'limit=100');
      assert.equal(objectsAt(ends, 'events_before').length, 7);
      assert.deepEqual(textsIn(await page(alice, roomId, { from: textAt(ends, 'start') })), []);
      assert.deepEqual(textsIn(await page(alice, roomId, { dir: 'f', from: textAt(ends, 'end') })), []);
    });

    it('holds only the members who spoke when they are loaded lazily', async () => {
      const roomId = await makeSharedRoom(server, alice, bob);
      const eventId = await say(server, bob, roomId, 'only bob');
      const query = new URLSearchParams({ limit: '0', filter: JSON.stringify({ lazy_load_members: true }) });
      const body = await context(alice, roomId, eventId, query.toString());
      const members = objectsAt(body, 'state').filter((event) => event['type'] === 'm.room.member');
      assert.deepEqual(
        members.map((event) => event['state_key']),
        [bob.userId],
      );
    });

    it('is not found where the event is not', async () => {
      const roomId = await makeTalk(1);
      const reply = await request(server, 'GET', pathOf(roomId, 'context', '$nothing'), { token: alice });
      assert.deepEqual(refusalOf(reply), [404, 'M_NOT_FOUND']);
    });
  });
});
