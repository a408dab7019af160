import type { AccountDataDeps } from '../accounts/account-data.ts';
import { setTag } from '../accounts/tags.ts';
import type { RoomId, UserId } from '../matrix/identifiers.ts';
import { createRoom, type CreateRoomDeps } from '../rooms/create-room.ts';
import { invite, leave, type MembershipDeps } from '../rooms/membership.ts';
import { findMembership } from '../storage/memberships.ts';
import { findRoomNid } from '../storage/rooms.ts';
import { findNoticeRoom, insertNoticeRoom } from '../storage/server-notices.ts';
import type { NoticeSender } from './sender.ts';

export type NoticeRoomDeps = CreateRoomDeps & MembershipDeps & AccountDataDeps;

/** Who is told something. */
export interface NoticeRecipient {
  readonly userId: UserId;
  readonly userNid: number;
}

const ROOM_NAME = 'Server notices';
const TAG = 'm.server_notice';

/**
 * The room in which a user reads server notices, with the user in it or invited: made at the first notice, the same one
 * ever after. They may read there and no more.
 */
export async function openNoticeRoom(
  deps: NoticeRoomDeps,
  sender: NoticeSender,
  recipient: NoticeRecipient,
): Promise<RoomId> {
  const { userId, userNid } = recipient;
  const roomId = (await findNoticeRoom(deps.db, userNid)) ?? (await makeRoom(deps, sender, recipient));
  const current = await findMembership(deps.db, roomId, userNid);
  if (current?.membership === 'join' || current?.membership === 'invite') return roomId;
  await setTag(deps, recipient, { userId, roomId }, { name: TAG, content: {} });
  await invite(deps, sender, { roomId, userId, reason: undefined }, { isByServer: true });
  return roomId;
}

async function makeRoom(
  deps: NoticeRoomDeps,
  sender: NoticeSender,
  recipient: NoticeRecipient,
): Promise<RoomId> {
  const roomId = await createRoom(
    deps,
    { ...sender, isAdmin: false },
    {
      roomVersion: undefined,
      visibility: 'private',
      preset: 'private_chat',
      aliasName: undefined,
      name: ROOM_NAME,
      topic: undefined,
      invite: [],
      isDirect: false,
      creationContent: { 'm.federate': false },
      initialState: [],
      powerLevelOverride: { users_default: -10 },
    },
  );
  const roomNid = await findRoomNid(deps.db, roomId);
  if (roomNid === undefined) throw new Error(`${roomId} was made and is not there`);
  if (await insertNoticeRoom(deps.db, recipient.userNid, roomNid)) return roomId;
  // Somebody else told the user something in the same moment.
  await leave(deps, sender, roomId, undefined);
  const first = await findNoticeRoom(deps.db, recipient.userNid);
  if (first === undefined) throw new Error('a room of server notices has vanished');
  return first;
}
