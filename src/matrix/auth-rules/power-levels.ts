import { isJsonObject, type JsonObject } from '../../util/json.ts';
import type { MatrixEvent } from '../event.ts';
import { parseUserId } from '../identifiers.ts';
import { isCreator, POWER_LEVELS_SLOT, readLevelAt, readPowerLevel } from '../power-levels.ts';
import type { RoomVersionRules } from '../room-version.ts';
import type { AuthCheck } from './auth-check.ts';
import { ALLOWED, type AuthVerdict, levelInWords, refuse } from './verdict.ts';

const SINGLE_LEVELS = [
  'users_default',
  'events_default',
  'state_default',
  'ban',
  'redact',
  'kick',
  'invite',
] as const;

/**
 * Rule 10: what a new m.room.power_levels may say, given the one in force: nobody gives what they do not have, nobody
 * takes from those who have as much. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
export function checkPowerLevels(check: AuthCheck, senderLevel: number): AuthVerdict {
  const { event, state, rules } = check;

  // 10.1 to 10.4 The content must be well formed, whoever sends it.
  const complaint = findPowerLevelsFault(event.content, check.create, rules);
  if (complaint !== undefined) return refuse(complaint);

  // 10.5 The first power levels of a room are free.
  const current = state(POWER_LEVELS_SLOT);
  if (current === undefined) return ALLOWED;

  const changes = listChanges(current.content, event.content, rules);
  for (const change of changes) {
    const reason = findOverreach(change, senderLevel, event.sender);
    if (reason !== undefined) return refuse(reason);
  }
  return ALLOWED;
}

/** The first thing wrong with m.room.power_levels by itself, whoever sends it; undefined when there is none. */
export function findPowerLevelsFault(
  content: JsonObject,
  create: MatrixEvent,
  rules: RoomVersionRules,
): string | undefined {
  // 10.1 Since v10 integers. Before, digits and floats will do; what has no value at all cannot be compared.
  for (const key of SINGLE_LEVELS) {
    if (content[key] !== undefined && readPowerLevel(content[key], rules) === undefined) {
      return notALevel(key, content[key], rules);
    }
  }

  // 10.2 Event types, and since v6 notification keys, have levels as values.
  for (const key of mapsOfLevels(rules)) {
    const complaint = findMalformedMap(key, content, rules);
    if (complaint !== undefined) return complaint;
  }

  // 10.3 The keys of users are user ids. Servers agree that users may be absent, whatever the text says.
  const users = Object.keys(isJsonObject(content['users']) ? content['users'] : {});
  const noUser = users.find((userId) => parseUserId(userId) === undefined);
  if (noUser !== undefined) return `users has ${JSON.stringify(noUser)}, which is no user id`;

  // 10.4 Since v12 creators have no number.
  const creator = rules.privilegedCreators
    ? users.find((userId) => isCreator(create, userId, rules))
    : undefined;
  return creator === undefined ? undefined : `users has ${creator}, a creator, whose power is infinite`;
}

function findMalformedMap(key: string, content: JsonObject, rules: RoomVersionRules): string | undefined {
  const map = content[key];
  if (map === undefined) return undefined;
  if (!isJsonObject(map)) return `${key} of the power levels is not an object`;
  const wrong = Object.keys(map).find((entry) => readPowerLevel(map[entry], rules) === undefined);
  return wrong === undefined ? undefined : notALevel(`${key}.${wrong}`, map[wrong], rules);
}

function notALevel(path: string, value: unknown, rules: RoomVersionRules): string {
  const wanted = rules.integerPowerLevelsOnly ? 'an integer' : 'a power level';
  return `${path} is ${JSON.stringify(value)}, which is not ${wanted}`;
}

/** One level that differs between the power levels in force and the new ones; undefined where there is none. */
interface LevelChange {
  readonly path: string;
  /** Set for entries of `users`. */
  readonly userId?: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

function listChanges(current: JsonObject, next: JsonObject, rules: RoomVersionRules): readonly LevelChange[] {
  const changes: LevelChange[] = [];
  const add = (path: string, from: number | undefined, to: number | undefined, userId?: string): void => {
    if (from !== to) changes.push({ path, from, to, ...(userId === undefined ? {} : { userId }) });
  };
  for (const key of SINGLE_LEVELS) add(key, readLevelAt(current, key, rules), readLevelAt(next, key, rules));
  for (const key of mapsOfLevels(rules)) {
    for (const entry of unionOfKeys(current[key], next[key])) {
      const from = readLevelAt(current[key], entry, rules);
      const to = readLevelAt(next[key], entry, rules);
      add(`${key}.${entry}`, from, to, key === 'users' ? entry : undefined);
    }
  }
  return changes;
}

/** Since v6 the rule covers notifications. */
function mapsOfLevels(rules: RoomVersionRules): readonly string[] {
  return rules.checksNotificationLevels ? ['events', 'notifications', 'users'] : ['events', 'users'];
}

function unionOfKeys(a: unknown, b: unknown): ReadonlySet<string> {
  return new Set([...Object.keys(isJsonObject(a) ? a : {}), ...Object.keys(isJsonObject(b) ? b : {})]);
}

/** Why the sender may not make this change; undefined when they may. A level that is absent has no value to exceed. */
function findOverreach(change: LevelChange, senderLevel: number, sender: string): string | undefined {
  const { path, userId, from, to } = change;
  const level = levelInWords(senderLevel);

  // 10.9 Another user's entry: only below one's own level. One's own may be lowered.
  if (userId !== undefined && userId !== sender && from !== undefined && from >= senderLevel) {
    return `sender's power level ${level} is not above the ${from} of ${userId}, which it would change`;
  }
  // 10.6.1 and 10.7 What is set above the sender stays.
  if (from !== undefined && from > senderLevel) {
    return `sender's power level ${level} is below the current ${from} of ${path}, which it would change`;
  }
  // 10.6.2, 10.8 and 10.10 Nothing is set above the sender.
  if (to !== undefined && to > senderLevel) {
    return `sender's power level ${level} is below the ${to} it would set for ${path}`;
  }
  return undefined;
}
