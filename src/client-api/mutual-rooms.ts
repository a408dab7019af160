import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { invalidParam } from '../matrix/errors.ts';
import { localpartOf } from '../matrix/identifiers.ts';
import type { Db } from '../storage/database.ts';
import { countMutualRooms, listMutualRooms } from '../storage/mutual-rooms.ts';
import { findUserNid } from '../storage/users.ts';
import { userIdField } from './room-fields.ts';

export interface MutualRoomsDeps {
  readonly db: Db;
}

const MOST_ROOMS = 100;
const TOKEN = /^m([0-9]{1,15})$/;
/** What even the oldest user ids are made of. */
const COMPLIANT = /^[\x21-\x7e]+$/;

/** A token for the place right after a room. */
const tokenField = z.string().transform((text, context) => {
  const digits = TOKEN.exec(text)?.[1];
  if (digits !== undefined) return Number(digits);
  context.addIssue({ code: 'custom', message: 'not a token of this server' });
  return z.NEVER;
});

const getMutualRooms = endpoint({
  name: 'getMutualRooms',
  method: 'GET',
  path: '/_matrix/client/v1/mutual_rooms',
  auth: 'user',
  rateLimit: 'read',
  query: z.object({
    user_id: userIdField.refine((userId) => COMPLIANT.test(localpartOf(userId)), 'not a user id'),
    from: tokenField.optional(),
  }),
  handle: async ({ db }: MutualRoomsDeps, { query, requester }) => {
    if (query.user_id === requester.userId) throw invalidParam('user_id: that is you');
    const otherNid = await findUserNid(db, query.user_id);
    if (otherNid === undefined) return { body: { joined: [], count: 0 } };
    const pair = [requester.userNid, otherNid] as const;
    const rooms = await listMutualRooms(db, pair, query.from ?? 0, MOST_ROOMS + 1);
    const shown = rooms.slice(0, MOST_ROOMS);
    const last = rooms.length > MOST_ROOMS ? shown.at(-1) : undefined;
    return {
      body: {
        joined: shown.map((room) => room.roomId),
        count: await countMutualRooms(db, pair),
        ...(last === undefined ? {} : { next_batch: `m${last.roomNid}` }),
      },
    };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#mutual-rooms */
export const mutualRoomsEndpoints: readonly Endpoint<MutualRoomsDeps>[] = [getMutualRooms];
