import assert from 'node:assert/strict';
import type { Requester } from '../../src/http/endpoint.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { insertFutures, type NewFuture } from '../../src/storage/future-commit.ts';
import { allotFutureNid } from '../../src/storage/future-updates.ts';
import { findRoomNid } from '../../src/storage/rooms.ts';
import type { FutureWorld } from './future-world.ts';

/** A future that sends a text when its time has come. */
export interface TimedText {
  readonly tokenId?: string;
  readonly delayId: string;
  readonly timeoutMs: number;
  readonly text: string;
}

/** Stores many at once, as of now and dealt out to the rooms in turn. */
export async function storeFutures(
  world: FutureWorld,
  owner: Requester,
  roomIds: readonly RoomId[],
  texts: readonly TimedText[],
): Promise<void> {
  const { db, database, clock } = world.deps;
  const roomNids = await Promise.all(roomIds.map((roomId) => findRoomNid(db, roomId)));
  const first = await allotFutureNid(db);
  const futures = texts.map(({ tokenId, delayId, timeoutMs, text }, index): NewFuture => {
    const roomNid = roomNids[index % roomNids.length];
    assert.ok(roomNid !== undefined);
    return {
      futureNid: first + 1 + index,
      tokenId,
      publicId: undefined,
      userNid: owner.userNid,
      deviceId: owner.deviceId,
      roomNid,
      timeoutMs,
      sinceTs: clock.nowMs(),
      watchedStateKeyNid: undefined,
      watchedEventId: undefined,
      contestedStateKeyNid: undefined,
      sendNowEventId: undefined,
      mirror: undefined,
      mostPending: texts.length,
      alternatives: [
        {
          trigger: 'timeout',
          delayId,
          type: 'm.room.message',
          stateKey: undefined,
          content: JSON.stringify({ msgtype: 'm.text', body: text }),
          redacts: undefined,
          reservedEventId: undefined,
          stickyDurationMs: undefined,
          originServerTs: undefined,
        },
      ],
    };
  });
  const client = await database.pool.connect();
  await insertFutures(client, futures);
  client.release();
}
