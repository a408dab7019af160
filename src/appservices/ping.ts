import type { Appservice } from '../matrix/appservices.ts';
import {
  appserviceBadStatus,
  appserviceConnectionFailed,
  appserviceConnectionTimeout,
  appserviceUrlNotSet,
} from '../matrix/errors.ts';
import { callAppservice, type CallDeps } from './call.ts';

/**
 * Asks an application service whether it hears this server: how long that took, in milliseconds. Throws 400 M_URL_NOT_SET,
 * 502 M_BAD_STATUS with what was answered, 502 M_CONNECTION_FAILED and 504 M_CONNECTION_TIMEOUT.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1appserviceappserviceidping
 */
export async function pingAppservice(
  deps: CallDeps,
  appservice: Appservice,
  transactionId: string | undefined,
): Promise<number> {
  const startedMs = deps.clock.nowMs();
  const outcome = await callAppservice(deps, appservice, {
    method: 'POST',
    path: '/_matrix/app/v1/ping',
    body: transactionId === undefined ? {} : { transaction_id: transactionId },
  });
  if (outcome.kind === 'no-url') throw appserviceUrlNotSet('The application service has no URL');
  if (outcome.kind === 'timed-out')
    throw appserviceConnectionTimeout('The application service did not answer in time');
  if (outcome.kind === 'unreachable')
    throw appserviceConnectionFailed(`The application service cannot be reached: ${outcome.reason}`);
  const { status, text } = outcome;
  if (status < 200 || status > 299)
    throw appserviceBadStatus(`The application service answered ${status}`, { status, body: text });
  return deps.clock.nowMs() - startedMs;
}
