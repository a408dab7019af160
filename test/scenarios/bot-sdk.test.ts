import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AutojoinRoomsMixin,
  LogService,
  MatrixClient,
  MemoryStorageProvider,
  PowerLevelAction,
  SimpleFsStorageProvider,
  type IStorageProvider,
} from '@vector-im/matrix-bot-sdk';
import { checkBotSdk } from '../support/bot-sdk.ts';
import { registerUser, startLiveTestServer, type LiveTestServer, type TestUser } from '../support/server.ts';
import { until } from '../support/until.ts';

const SETTINGS = 'org.example.bot.settings';

interface Message {
  readonly event_id: string;
  readonly sender: string;
  readonly content: {
    readonly msgtype?: string;
    readonly body?: string;
    readonly 'm.relates_to'?: { readonly 'm.in_reply_to'?: { readonly event_id: string } };
  };
}

interface Ephemeral {
  readonly type: string;
  readonly content: object;
}

interface SyncAnswer {
  readonly rooms: {
    readonly join: Readonly<
      Record<string, { readonly ephemeral: { readonly events: readonly Ephemeral[] } }>
    >;
  };
}

interface PublicRooms {
  readonly chunk: readonly { readonly room_id: string; readonly canonical_alias?: string }[];
}

interface MemberContent {
  readonly membership: string;
  readonly displayname?: string;
}

type Command = (bot: MatrixClient, roomId: string, event: Message, words: string) => Promise<unknown>;

const COMMANDS: Readonly<Record<string, Command>> = {
  '!ping': (bot, roomId, event) => bot.replyNotice(roomId, event, 'pong'),
  '!echo': (bot, roomId, _event, words) => bot.sendText(roomId, words),
  '!like': (bot, roomId, event) =>
    bot.sendEvent(roomId, 'm.reaction', {
      'm.relates_to': { rel_type: 'm.annotation', event_id: event.event_id, key: '👍' },
    }),
  '!topic': (bot, roomId, _event, topic) => bot.sendStateEvent(roomId, 'm.room.topic', '', { topic }),
};

/** What somebody has seen, oldest first. */
function listen(client: MatrixClient): Message[] {
  const messages: Message[] = [];
  client.on('room.message', (_roomId: string, event: Message) => messages.push(event));
  return messages;
}

function silenceSdk(): void {
  const say = (): void => undefined;
  LogService.setLogger({ info: say, warn: say, error: say, debug: say, trace: say });
}

describe('matrix-bot-sdk', function () {
  this.timeout(120_000);
  let server: LiveTestServer;
  let folder: string;
  let alice: MatrixClient;
  let bot: MatrixClient;
  let botUser: TestUser;
  let seenByAlice: Message[];
  let isAsleep = false;
  let roomId: string;
  let checking: Disposable;

  before(async () => {
    silenceSdk();
    checking = checkBotSdk();
    folder = await mkdtemp(join(tmpdir(), 'morrow-bot-'));
    server = await startLiveTestServer();
    botUser = await registerUser(server, 'bot');
    alice = await openClient('alice');
    seenByAlice = listen(alice);
    await alice.start();
    await startBot();
    roomId = await alice.createRoom({ preset: 'private_chat', invite: [botUser.userId] });
  });
  after(async () => {
    alice?.stop();
    bot?.stop();
    checking[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  function clientOf(user: TestUser, storage: IStorageProvider): MatrixClient {
    return new MatrixClient(server.baseUrl, user.accessToken, storage);
  }

  async function openClient(localpart: string): Promise<MatrixClient> {
    return clientOf(await registerUser(server, localpart), new MemoryStorageProvider());
  }

  /** The bot remembers in a file how far it has read. */
  async function startBot(): Promise<void> {
    bot = clientOf(botUser, new SimpleFsStorageProvider(join(folder, 'bot.json')));
    AutojoinRoomsMixin.setupOnClient(bot);
    isAsleep = false;
    const current = bot;
    bot.on('room.message', (room: string, event: Message) => void obey(current, room, event));
    await bot.start();
  }

  async function obey(client: MatrixClient, room: string, event: Message): Promise<void> {
    const [name = '', ...words] = (event.content.body ?? '').split(' ');
    if (name === '!sleep') {
      // While the answer of /sync is still in hand, so that no other is asked for.
      client.stop();
      isAsleep = true;
    }
    if (event.sender !== botUser.userId) await COMMANDS[name]?.(client, room, event, words.join(' '));
  }

  function findMessage(messages: readonly Message[], body: string): Message | undefined {
    return messages.find(({ sender, content }) => sender === botUser.userId && content.body === body);
  }

  /** The bot's reply to an event, once it is there. */
  async function replyTo(eventId: string): Promise<Message> {
    const find = (): Message | undefined =>
      seenByAlice.find(({ content }) => content['m.relates_to']?.['m.in_reply_to']?.event_id === eventId);
    await until('the reply', () => find() !== undefined);
    return find() ?? assert.fail();
  }

  async function membershipOf(userId: string): Promise<MemberContent> {
    return await alice.getRoomStateEvent(roomId, 'm.room.member', userId);
  }

  it('joins the room that it is invited to', async () => {
    await until('the bot', async () => (await bot.getJoinedRooms()).includes(roomId));
    const members = await alice.getJoinedRoomMembers(roomId);
    assert.deepEqual(members.sort(), [await alice.getUserId(), botUser.userId].sort());
  });

  it('answers a command with a notice that is a reply', async () => {
    const reply = await replyTo(await alice.sendText(roomId, '!ping'));
    assert.equal(reply.sender, botUser.userId);
    assert.equal(reply.content.msgtype, 'm.notice');
    assert.match(reply.content.body ?? '', /pong$/);
  });

  it('answers with a message, HTML and a reaction', async () => {
    await alice.sendText(roomId, '!echo hello there');
    await until('the echo', () => findMessage(seenByAlice, 'hello there') !== undefined);
    await bot.sendHtmlNotice(roomId, '<b>bold</b> news');
    await until('the notice', () => findMessage(seenByAlice, 'bold news') !== undefined);
    const liked = await alice.sendText(roomId, '!like');
    const reactions = async (): Promise<number> =>
      (await alice.getRelationsForEvent(roomId, liked, 'm.annotation', 'm.reaction')).chunk.length;
    await until('the reaction', async () => (await reactions()) === 1);
  });

  it('may not change state before it has power, and may then', async () => {
    const settings = { greeting: 'hello' };
    await assert.rejects(bot.sendStateEvent(roomId, SETTINGS, '', settings), { errcode: 'M_FORBIDDEN' });
    assert.equal(await bot.userHasPowerLevelFor(botUser.userId, roomId, SETTINGS, true), false);
    await alice.setUserPowerLevel(botUser.userId, roomId, 50);
    assert.equal(await bot.userHasPowerLevelFor(botUser.userId, roomId, SETTINGS, true), true);
    assert.ok(await bot.userHasPowerLevelForAction(botUser.userId, roomId, PowerLevelAction.Kick));
    await bot.sendStateEvent(roomId, SETTINGS, '', settings);
    assert.deepEqual(await alice.getRoomStateEvent(roomId, SETTINGS, ''), settings);
    await alice.sendText(roomId, '!topic all about bots');
    await until('the topic', async () => {
      const topics: { type: string; content: { topic?: string } }[] = await alice.getRoomState(roomId);
      return topics.some(
        ({ type, content }) => type === 'm.room.topic' && content.topic === 'all about bots',
      );
    });
  });

  it('may not give itself more power than it has', async () => {
    await assert.rejects(bot.setUserPowerLevel(botUser.userId, roomId, 90), { errcode: 'M_FORBIDDEN' });
  });

  it('kicks, bans and unbans', async () => {
    const carol = await openClient('carol');
    const carolId = await carol.getUserId();
    await assert.rejects(carol.joinRoom(roomId), { errcode: 'M_FORBIDDEN' });
    await bot.inviteUser(carolId, roomId);
    await carol.joinRoom(roomId);
    await assert.rejects(carol.kickUser(botUser.userId, roomId), { errcode: 'M_FORBIDDEN' });
    await bot.kickUser(carolId, roomId, 'be nice');
    assert.equal((await membershipOf(carolId)).membership, 'leave');
    await bot.banUser(carolId, roomId, 'I said be nice');
    assert.equal((await membershipOf(carolId)).membership, 'ban');
    await assert.rejects(bot.inviteUser(carolId, roomId), { errcode: 'M_FORBIDDEN' });
    await bot.unbanUser(carolId, roomId);
    await bot.inviteUser(carolId, roomId);
    await carol.joinRoom(roomId);
    assert.equal((await membershipOf(carolId)).membership, 'join');
    await carol.leaveRoom(roomId);
    await carol.forgetRoom(roomId);
    assert.deepEqual(await carol.getJoinedRooms(), []);
  });

  it('redacts what somebody else has written', async () => {
    const eventId = await alice.sendText(roomId, 'a rude word');
    await bot.redactEvent(roomId, eventId, 'rude');
    const redacted = await alice.getRawEvent(roomId, eventId);
    assert.deepEqual(redacted.content, {});
    assert.equal(redacted.unsigned.redacted_because.content.reason, 'rude');
  });

  it('keeps account data, its own and of the room', async () => {
    assert.deepEqual(await bot.getSafeAccountData(SETTINGS, { count: 0 }), { count: 0 });
    await bot.setAccountData(SETTINGS, { count: 1 });
    assert.deepEqual(await bot.getAccountData(SETTINGS), { count: 1 });
    await bot.setRoomAccountData(SETTINGS, roomId, { isQuiet: true });
    assert.deepEqual(await bot.getRoomAccountData(SETTINGS, roomId), { isQuiet: true });
    await assert.rejects(alice.getAccountData(SETTINGS), { errcode: 'M_NOT_FOUND' });
  });

  it('stores a picture and wears it, and its name, in every room', async () => {
    const picture = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
    const mxc = await bot.uploadContent(picture, 'image/svg+xml', 'bot.svg');
    const downloaded = await alice.downloadContent(mxc);
    assert.ok(picture.equals(downloaded.data));
    assert.equal(downloaded.contentType, 'image/svg+xml');
    await bot.setDisplayName('The Bot');
    await bot.setAvatarUrl(mxc);
    assert.deepEqual(await alice.getUserProfile(botUser.userId), {
      displayname: 'The Bot',
      avatar_url: mxc,
    });
    await until('the name in the room', async () => {
      const { displayname } = await membershipOf(botUser.userId);
      return displayname === 'The Bot';
    });
  });

  it('gives the room an address and lists it in the directory', async () => {
    const alias = `#bots:${server.services.serverName}`;
    await bot.createRoomAlias(alias, roomId);
    assert.equal(await alice.resolveRoom(alias), roomId);
    assert.deepEqual((await alice.lookupRoomAlias(alias)).residentServers, [server.services.serverName]);
    await alice.sendStateEvent(roomId, 'm.room.canonical_alias', '', { alias });
    assert.equal(await bot.getPublishedAlias(roomId), alias);
    await alice.setDirectoryVisibility(roomId, 'public');
    assert.equal(await bot.getDirectoryVisibility(roomId), 'public');
    const listed: PublicRooms = await bot.doRequest('GET', '/_matrix/client/v3/publicRooms');
    assert.ok(listed.chunk.some((room) => room.room_id === roomId && room.canonical_alias === alias));
    await bot.deleteRoomAlias(alias);
    await assert.rejects(alice.resolveRoom(alias), { errcode: 'M_NOT_FOUND' });
  });

  it('shows that it types and has read', async () => {
    const eventId = await alice.sendText(roomId, 'did you read this?');
    await bot.sendReadReceipt(roomId, eventId);
    await bot.setTyping(roomId, true, 30_000);
    const { rooms }: SyncAnswer = await alice.doRequest('GET', '/_matrix/client/v3/sync');
    const ephemeral = new Map(
      rooms.join[roomId]?.ephemeral.events.map(({ type, content }) => [type, content]),
    );
    assert.deepEqual(ephemeral.get('m.typing'), { user_ids: [botUser.userId] });
    const receipts: object = ephemeral.get('m.receipt') ?? {};
    assert.ok(Object.keys(receipts).includes(eventId));
  });

  it('finds what was said around an event', async () => {
    const eventId = await alice.sendText(roomId, 'the middle');
    const end = await alice.sendText(roomId, 'the end');
    const { event, after, state } = await bot.getEventContext(roomId, eventId, 4);
    assert.equal(event.eventId, eventId);
    assert.equal(after[0]?.eventId, end);
    assert.ok(state.some(({ type }) => type === 'm.room.create'));
    const nearest = await bot.getEventNearestToTimestamp(roomId, event.timestamp, 'f');
    assert.equal(nearest.event_id, eventId);
  });

  it('makes a space with the room in it', async () => {
    // createSpace() gives the creator a power level, which rooms of version 12 refuse.
    const spaceId = await bot.createRoom({
      creation_content: { type: 'm.space' },
      invite: [await alice.getUserId()],
    });
    await (await bot.getSpace(spaceId)).addChildRoom(roomId, { suggested: true });
    await alice.joinRoom(spaceId);
    const children = await (await alice.getSpace(spaceId)).getChildEntities();
    assert.deepEqual(Object.keys(children), [roomId]);
  });

  it('answers after a restart what it missed, once, and nothing that it had answered', async () => {
    const pongs = (): Message[] =>
      seenByAlice.filter(
        ({ content }) => content.msgtype === 'm.notice' && content.body?.endsWith('pong') === true,
      );
    const answered = pongs().length;
    await alice.sendText(roomId, '!sleep');
    await until('the bot asleep', () => isAsleep);
    const missed = [await alice.sendText(roomId, '!ping'), await alice.sendText(roomId, '!ping')];
    await startBot();
    for (const eventId of missed) await replyTo(eventId);
    await alice.sendText(roomId, '!echo that was all');
    await until('the last echo', () => findMessage(seenByAlice, 'that was all') !== undefined);
    assert.equal(pongs().length, answered + missed.length);
  });
});
