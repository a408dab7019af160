import { serverNameOf, type RoomAlias, type RoomId, type UserId } from './identifiers.ts';

/** Ids that belong to an application service. */
export interface Namespace {
  /** Fits ids from their beginning on, whatever follows. */
  readonly pattern: RegExp;
  /** Nobody else may make a user or an alias in it. */
  readonly exclusive: boolean;
}

/** An application service as its registration describes it. https://spec.matrix.org/v1.19/application-service-api/#registration */
export interface Appservice {
  readonly id: string;
  /** Where it listens, without a slash at the end; undefined for one that takes no traffic. */
  readonly url: string | undefined;
  readonly asToken: string;
  readonly hsToken: string;
  readonly sender: UserId;
  readonly namespaces: {
    readonly users: readonly Namespace[];
    readonly aliases: readonly Namespace[];
    readonly rooms: readonly Namespace[];
  };
  /** Whether its users, other than the sender, are told to wait when they ask too often. */
  readonly rateLimited: boolean;
  /** Third-party networks that it leads to. */
  readonly protocols: readonly string[];
  readonly receivesEphemeral: boolean;
}

/** Whether a user is the service's own: its sender, or a user of this server in one of its namespaces. */
export function coversUser(appservice: Appservice, userId: UserId): boolean {
  return userId === appservice.sender || isAmong(appservice, userId, appservice.namespaces.users);
}

/** Whether an alias is in one of the service's namespaces. */
export function coversAlias(appservice: Appservice, alias: RoomAlias): boolean {
  return fits(appservice.namespaces.aliases, alias);
}

/** Whether a room is in one of the service's namespaces by its id. */
export function coversRoom(appservice: Appservice, roomId: RoomId): boolean {
  return fits(appservice.namespaces.rooms, roomId);
}

/**
 * Whether a service other than `own` keeps this user to itself: then nobody else may register it.
 * https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 */
export function isReservedUser(
  appservices: readonly Appservice[],
  userId: UserId,
  own: Appservice | undefined,
): boolean {
  return appservices.some(
    (other) =>
      other.id !== own?.id &&
      (userId === other.sender || isAmong(other, userId, other.namespaces.users.filter(isExclusive))),
  );
}

/**
 * Whether an alias may be made, changed or removed by the service `own`, or by a user when there is none: in its namespaces
 * only, and in none that another keeps to itself. https://spec.matrix.org/v1.19/application-service-api/#registration
 */
export function mayUseAlias(
  appservices: readonly Appservice[],
  alias: RoomAlias,
  own: Appservice | undefined,
): boolean {
  const isReserved = appservices.some(
    (other) => other.id !== own?.id && fits(other.namespaces.aliases.filter(isExclusive), alias),
  );
  return !isReserved && (own === undefined || coversAlias(own, alias));
}

/** Whether a request in the user's name counts against a budget; `appservice` is the one that makes it, if one does. */
export function isRateLimited(appservice: Appservice | undefined, userId: UserId): boolean {
  return appservice === undefined || (appservice.rateLimited && userId !== appservice.sender);
}

/** Only users of this server are meant: those of others are not the service's to play. */
function isAmong(appservice: Appservice, userId: UserId, users: readonly Namespace[]): boolean {
  return serverNameOf(userId) === serverNameOf(appservice.sender) && fits(users, userId);
}

function isExclusive(namespace: Namespace): boolean {
  return namespace.exclusive;
}

function fits(namespaces: readonly Namespace[], id: string): boolean {
  return namespaces.some(({ pattern }) => pattern.test(id));
}
