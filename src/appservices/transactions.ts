import type { Appservice } from '../matrix/appservices.ts';
import { renderEvents, type RenderDeps } from '../rooms/client-events.ts';
import { findAccount } from '../storage/accounts.ts';
import { listEventsForAppservices } from '../storage/appservice-streams.ts';
import type { StoredEvent } from '../storage/events.ts';
import { findUserNid } from '../storage/users.ts';
import type { JsonObject } from '../util/json.ts';
import { callAppservice, type CallDeps, type CallOutcome } from './call.ts';
import { listEphemera } from './ephemera.ts';
import { memberTarget, pickInteresting } from './interest.ts';
import { askForUser } from './queries.ts';

export type TransactionDeps = RenderDeps & CallDeps;

/** What a service is to hear next. */
export interface NextTransaction {
  /** Nothing up to here is left out. */
  readonly reached: number;
  /** JSON text; undefined when nothing up to there concerns the service. */
  readonly body: string | undefined;
}

const MOST_EVENTS = 100;

/**
 * What an application service is to hear of what happened in `(after, upTo]`, in the format of the client API. Users of
 * its namespaces who are met for the first time it is asked for before.
 * https://spec.matrix.org/v1.19/application-service-api/#pushing-events
 */
export async function makeTransaction(
  deps: TransactionDeps,
  appservice: Appservice,
  after: number,
  upTo: number,
  signal: AbortSignal,
): Promise<NextTransaction> {
  const events = await listEventsForAppservices(deps.db, after, upTo, MOST_EVENTS);
  const reached = events.length < MOST_EVENTS ? upTo : (events.at(-1)?.position ?? upTo);
  const picked = await pickInteresting(deps, appservice, events);
  const ephemeral = await listEphemera(deps, appservice, { after, upTo: reached });
  if (picked.length === 0 && ephemeral.length === 0) return { reached, body: undefined };
  await introduceUsers(deps, appservice, picked, signal);
  const rendered = await render(deps, appservice, picked);
  return { reached, body: JSON.stringify({ events: rendered, ...describeEphemera(ephemeral) }) };
}

async function render(
  deps: TransactionDeps,
  { sender }: Appservice,
  events: readonly StoredEvent[],
): Promise<JsonObject[]> {
  const userNid = await findUserNid(deps.db, sender);
  if (userNid === undefined) throw new Error(`${sender} does not exist`);
  return renderEvents(deps, events, { userId: sender, userNid, sessionNid: undefined }, { withRoomId: true });
}

/** Services look for it under the name that it has, or under the one that it had before v1.13. */
function describeEphemera(ephemeral: readonly JsonObject[]): JsonObject {
  return ephemeral.length === 0 ? {} : { ephemeral, 'de.sorunome.msc2409.ephemeral': ephemeral };
}

async function introduceUsers(
  deps: TransactionDeps,
  appservice: Appservice,
  events: readonly StoredEvent[],
  signal: AbortSignal,
): Promise<void> {
  for (const userId of new Set(events.map(memberTarget))) {
    if (userId === undefined || (await findAccount(deps.db, userId)) !== undefined) continue;
    await askForUser(deps, appservice, userId, signal);
  }
}

/** Sends a transaction: the same number with the same body as often as it takes. */
export function sendTransaction(
  deps: CallDeps,
  appservice: Appservice,
  transaction: { readonly number: number; readonly body: string },
  signal: AbortSignal,
): Promise<CallOutcome> {
  const path = `/transactions/${transaction.number}`;
  const request = {
    method: 'PUT',
    path: `/_matrix/app/v1${path}`,
    olderPath: path,
    body: transaction.body,
  } as const;
  return callAppservice(deps, appservice, request, signal);
}
