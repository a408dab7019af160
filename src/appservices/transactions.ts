import type { Appservice } from '../matrix/appservices.ts';
import { renderEvents, type RenderDeps } from '../rooms/client-events.ts';
import { findAccount } from '../storage/accounts.ts';
import { listEventsForAppservices } from '../storage/appservice-streams.ts';
import type { StoredEvent } from '../storage/events.ts';
import { findUserNid } from '../storage/users.ts';
import { callAppservice, type CallDeps, type CallOutcome } from './call.ts';
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
  if (picked.length === 0) return { reached, body: undefined };
  await introduceUsers(deps, appservice, picked, signal);
  const userNid = await findUserNid(deps.db, appservice.sender);
  if (userNid === undefined) throw new Error(`${appservice.sender} does not exist`);
  const viewer = { userId: appservice.sender, userNid, sessionNid: undefined };
  const rendered = await renderEvents(deps, picked, viewer, { withRoomId: true });
  return { reached, body: JSON.stringify({ events: rendered }) };
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
