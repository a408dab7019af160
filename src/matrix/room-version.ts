/** The room versions of Matrix v1.19, all stable. */
export const ROOM_VERSIONS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;
type StableRoomVersion = (typeof ROOM_VERSIONS)[number];

/** Proposals on top of a stable version, to be asked for by name. https://github.com/matrix-org/matrix-spec-proposals/pull/3757 */
export const UNSTABLE_ROOM_VERSIONS = ['org.matrix.msc3757.10', 'org.matrix.msc3757.11'] as const;
export type RoomVersion = StableRoomVersion | (typeof UNSTABLE_ROOM_VERSIONS)[number];

/**
 * What differs between room versions, as data. Code asks a rule by its name and never compares version numbers.
 * https://spec.matrix.org/v1.19/rooms/
 */
export interface RoomVersionRules {
  readonly version: RoomVersion;
  /** v1–v2 events carry an id chosen by their server; later ids are the reference hash, first in standard base64 (v3), then URL-safe. */
  readonly eventIdFormat: 'chosen' | 'hash-standard' | 'hash-url-safe';
  /** v1–v2 list `[event id, {sha256}]` pairs in prev_events and auth_events, later versions plain ids. */
  readonly eventReferences: 'pairs' | 'ids';
  readonly stateResolution: 'v1' | 'v2' | 'v2.1';
  /** Since v5 a signature counts only if its key was valid at origin_server_ts. */
  readonly enforcesKeyValidity: boolean;
  /** Since v6 floats and integers beyond ±(2^53−1) are refused. */
  readonly strictCanonicalJson: boolean;
  /** Before v10 power levels may be strings of digits. */
  readonly integerPowerLevelsOnly: boolean;
  /** v1–v5: m.room.aliases has an auth rule of its own. */
  readonly specialAliasesAuth: boolean;
  /** Since v6 the power levels rule covers `notifications`. */
  readonly checksNotificationLevels: boolean;
  /** v1–v2: redactions are authorised by an auth rule; later they are applied or not. */
  readonly redactionAuthRule: boolean;
  /** Since v7. */
  readonly knocking: boolean;
  /** Since v8. */
  readonly restrictedJoins: boolean;
  /** Since v10. */
  readonly knockRestrictedJoins: boolean;
  /** Before v11 the creator is `content.creator`, later the create event's sender. */
  readonly creatorInContent: boolean;
  /** Since v11 `redacts` lives in content. */
  readonly redactsInContent: boolean;
  /** Since v12 the room id is the create event's hash, create carries no room_id and is never listed in auth_events. */
  readonly roomIdIsCreateHash: boolean;
  /** In no stable version: a state key may be a user id with a suffix, and those with more power than the user may write there. */
  readonly ownedState: boolean;
  /** Since v12 creators (sender and additional_creators) have infinite power. */
  readonly privilegedCreators: boolean;
  readonly redaction: RedactionRules;
}

/** What redaction keeps, where versions differ. https://spec.matrix.org/v1.19/client-server-api/#redactions */
export interface RedactionRules {
  /** v1–v10 keep the top-level keys prev_state, origin, membership. */
  readonly keepsLegacyTopLevelKeys: boolean;
  /** v1–v5 keep m.room.aliases `aliases`. */
  readonly keepsAliases: boolean;
  /** Since v8 m.room.join_rules keeps `allow`. */
  readonly keepsJoinRuleAllow: boolean;
  /** Since v9 m.room.member keeps `join_authorised_via_users_server`. */
  readonly keepsMemberAuthoriser: boolean;
  /** Since v11: all of create's content, `invite` of power levels, `redacts` of redactions, `third_party_invite.signed` of members. */
  readonly keepsV11Content: boolean;
}

function rulesOf(version: StableRoomVersion): RoomVersionRules {
  const number = Number(version);
  return {
    version,
    eventIdFormat: number <= 2 ? 'chosen' : number === 3 ? 'hash-standard' : 'hash-url-safe',
    eventReferences: number <= 2 ? 'pairs' : 'ids',
    stateResolution: number === 1 ? 'v1' : number <= 11 ? 'v2' : 'v2.1',
    enforcesKeyValidity: number >= 5,
    strictCanonicalJson: number >= 6,
    integerPowerLevelsOnly: number >= 10,
    specialAliasesAuth: number <= 5,
    checksNotificationLevels: number >= 6,
    redactionAuthRule: number <= 2,
    knocking: number >= 7,
    restrictedJoins: number >= 8,
    knockRestrictedJoins: number >= 10,
    creatorInContent: number <= 10,
    redactsInContent: number >= 11,
    roomIdIsCreateHash: number >= 12,
    ownedState: false,
    privilegedCreators: number >= 12,
    redaction: {
      keepsLegacyTopLevelKeys: number <= 10,
      keepsAliases: number <= 5,
      keepsJoinRuleAllow: number >= 8,
      keepsMemberAuthoriser: number >= 9,
      keepsV11Content: number >= 11,
    },
  };
}

const RULES: ReadonlyMap<string, RoomVersionRules> = new Map(
  [
    ...ROOM_VERSIONS.map(rulesOf),
    ...UNSTABLE_ROOM_VERSIONS.map((version) => ({
      ...rulesOf(version === 'org.matrix.msc3757.10' ? '10' : '11'),
      version,
      ownedState: true,
    })),
  ].map((rules) => [rules.version, rules]),
);

/** The rules of a room version, or undefined when this server does not know it. */
export function findRoomVersionRules(version: string): RoomVersionRules | undefined {
  return RULES.get(version);
}

/** The rules of a version that is known to exist. */
export function getRoomVersionRules(version: RoomVersion): RoomVersionRules {
  const rules = RULES.get(version);
  if (rules === undefined) throw new Error(`no rules for room version ${version}`);
  return rules;
}
