import {
  badJson,
  forbidden,
  invalidParam,
  keyTooLarge,
  notFound,
  profileTooLarge,
} from '../matrix/errors.ts';
import type { UserId } from '../matrix/identifiers.ts';
import { allotPositions, inTransaction, type Db, type Tx } from '../storage/database.ts';
import { listRoomNidsOf, touchPresence } from '../storage/presence.ts';
import {
  deleteProfile,
  deleteProfileField,
  findProfile,
  lockProfile,
  putProfileField,
  type Profile,
} from '../storage/profiles.ts';
import type { StreamHub } from '../storage/stream-hub.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import type { DeactivationHook } from './deactivate.ts';

export interface ProfileDeps {
  readonly db: Db;
  readonly hub: Pick<StreamHub, 'announce'>;
}

/** Whose profile is changed: only their own, by themselves. */
export interface ProfileOwner {
  readonly userId: UserId;
  readonly userNid: number;
}

const MAX_KEY_BYTES = 255;
/** A profile as JSON, as it is answered. */
const MAX_PROFILE_BYTES = 65_536;
/** https://spec.matrix.org/v1.19/appendices/#common-namespaced-identifier-grammar, without asking for a namespace. */
const KEY = /^[a-z][a-z0-9_.-]*$/;
/** Member events and presence show these. */
const SHOWN_KEYS: readonly string[] = ['displayname', 'avatar_url'];

/**
 * All that a user says of themselves. Throws 404 M_NOT_FOUND for users who are not here.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid
 */
export async function getProfile(deps: Pick<ProfileDeps, 'db'>, userId: UserId): Promise<JsonObject> {
  return Object.fromEntries(await requireProfile(deps, userId));
}

/** One field. Throws 404 M_NOT_FOUND for users who are not here or who have no such field, 400 for what is no key. */
export async function getProfileField(
  deps: Pick<ProfileDeps, 'db'>,
  userId: UserId,
  key: string,
): Promise<JsonValue> {
  checkKey(key);
  const value = (await requireProfile(deps, userId)).get(key);
  if (value === undefined) throw notFound(`${userId} has not set ${key}.`);
  return value;
}

/**
 * Sets a field of one's own profile. Throws 403 M_FORBIDDEN for the profiles of others, 400 M_INVALID_PARAM for what is
 * no key or no such value, M_KEY_TOO_LARGE, and M_PROFILE_TOO_LARGE when the profile would reach 64 KiB.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname
 */
export async function setProfileField(
  deps: ProfileDeps,
  owner: ProfileOwner,
  userId: UserId,
  field: { readonly key: string; readonly value: JsonValue },
): Promise<void> {
  const { key, value } = field;
  requireOwn(owner, userId);
  checkKey(key);
  checkValue(key, value);
  await change(deps, owner, key, async (tx, profile) => {
    const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries([...profile, [key, value]])));
    if (bytes >= MAX_PROFILE_BYTES) throw profileTooLarge('A profile must be smaller than 64 KiB.');
    await putProfileField(tx, owner.userNid, key, value);
  });
}

/** Removes a field of one's own profile, if it is there. Throws as {@link setProfileField} does. */
export async function removeProfileField(
  deps: ProfileDeps,
  owner: ProfileOwner,
  userId: UserId,
  key: string,
): Promise<void> {
  requireOwn(owner, userId);
  checkKey(key);
  await change(deps, owner, key, (tx) => deleteProfileField(tx, owner.userNid, key));
}

/** Whether a change of the field is to be seen in the user's rooms. */
export function isShownInRooms(key: string): boolean {
  return SHOWN_KEYS.includes(key);
}

/** What of a profile goes into member events: `displayname` and `avatar_url`, where set. Empty for users of other servers. */
export async function findMemberProfile(deps: Pick<ProfileDeps, 'db'>, userId: UserId): Promise<JsonObject> {
  return shownPart((await findProfile(deps.db, userId)) ?? new Map());
}

/** `displayname` and `avatar_url` of a profile, where they are set and not empty. */
export function shownPart(profile: Profile): JsonObject {
  return Object.fromEntries(
    SHOWN_KEYS.flatMap((key): [string, JsonValue][] => {
      const value = profile.get(key);
      return typeof value === 'string' && value !== '' ? [[key, value]] : [];
    }),
  );
}

/** Forgets what a user who is gone has said of themselves. */
export const deleteProfileOnDeactivation: DeactivationHook = (tx, userNid) => deleteProfile(tx, userNid);

async function requireProfile(deps: Pick<ProfileDeps, 'db'>, userId: UserId): Promise<Profile> {
  const profile = await findProfile(deps.db, userId);
  if (profile === undefined) throw notFound(`${userId} has no profile here.`);
  return profile;
}

function requireOwn(owner: ProfileOwner, userId: UserId): void {
  if (owner.userId !== userId) throw forbidden(`${owner.userId} cannot change the profile of ${userId}.`);
}

function checkKey(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw keyTooLarge('A profile key has at most 255 bytes.');
  if (!KEY.test(key)) throw invalidParam(`${JSON.stringify(key)} is not a profile key.`);
}

function checkValue(key: string, value: JsonValue): void {
  if (key !== 'avatar_url' && key !== 'displayname' && key !== 'm.tz') return;
  if (typeof value !== 'string') throw badJson(`${key}: expected string`);
}

/** Changes a profile that nobody else changes meanwhile. Presence shows parts of it, so that those are in the stream. */
async function change(
  deps: ProfileDeps,
  owner: ProfileOwner,
  key: string,
  write: (tx: Tx, profile: Profile) => Promise<void>,
): Promise<void> {
  const position = await inTransaction(deps.db, async (tx) => {
    const allotted = isShownInRooms(key) ? await allotPositions(tx, 1) : undefined;
    await write(tx, await lockProfile(tx, owner.userNid));
    if (allotted === undefined) return undefined;
    return (await touchPresence(tx, owner.userNid, allotted)) ? allotted : undefined;
  });
  if (position === undefined) return;
  const ephemeralRoomNids = await listRoomNidsOf(deps.db, [owner.userNid]);
  deps.hub.announce({ position, roomNids: [], userNids: [owner.userNid], ephemeralRoomNids });
}
