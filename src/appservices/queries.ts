import { coversAlias, coversUser, type Appservice } from '../matrix/appservices.ts';
import type { RoomAlias, UserId } from '../matrix/identifiers.ts';
import { callAppservice, goodAnswer, type CallDeps } from './call.ts';

export interface QueryDeps extends CallDeps {
  readonly appservices: readonly Appservice[];
}

/**
 * Asks the application services in whose namespaces an alias is whether there should be such a room: true when one has
 * made it. https://spec.matrix.org/v1.19/application-service-api/#querying
 */
export async function askForAlias(deps: QueryDeps, alias: RoomAlias): Promise<boolean> {
  for (const appservice of deps.appservices.filter((one) => coversAlias(one, alias))) {
    if (await knows(deps, appservice, `/rooms/${encodeURIComponent(alias)}`)) return true;
  }
  return false;
}

/** Asks a service whether one of its users should exist: true when it has made the user. */
export async function askForUser(
  deps: CallDeps,
  appservice: Appservice,
  userId: UserId,
  signal: AbortSignal,
): Promise<boolean> {
  return (
    coversUser(appservice, userId) && knows(deps, appservice, `/users/${encodeURIComponent(userId)}`, signal)
  );
}

async function knows(
  deps: CallDeps,
  appservice: Appservice,
  path: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const request = { method: 'GET', path: `/_matrix/app/v1${path}`, olderPath: path } as const;
  return goodAnswer(await callAppservice(deps, appservice, request, signal)) !== undefined;
}
