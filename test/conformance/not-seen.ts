import type { Result } from './run.ts';

const RESTART = 'it needs the server to be stopped and started';
const SECOND_SERVER = 'it needs a second server';
const ADMINISTRATOR = 'it needs an administrator of the server';
const DATABASE = 'it needs a hand on the database';

/** What plain requests to one running server cannot show, and what it would need. */
const NOT_SEEN: readonly (readonly [number: number, name: string, why: string])[] = [
  [13, 'a crash between the event that is sent at once and its future leaves both or neither', RESTART],
  [20, 'a request repeated after a restart of the server is the same still', RESTART],
  [27, 'newer state that comes over federation ends a future', SECOND_SERVER],
  [28, 'state that loses a state resolution ends its future for good', SECOND_SERVER],
  [29, 'state that is rejected or soft-failed ends nothing', SECOND_SERVER],
  [40, 'accounts that are suspended, locked or shadow-banned are judged as when they send', ADMINISTRATOR],
  [42, 'what is left in a room that nobody here is in is not tried for ever', ADMINISTRATOR],
  [44, 'application services may say as whom, and when', 'it needs a registration at the server'],
  [47, 'what became due while the server was down is sent in order', RESTART],
  [48, 'ten thousand that became due meanwhile do not keep others waiting', RESTART],
  [49, 'a server that is killed after it has sent does not send again', RESTART],
  [50, 'two processes on one database send once', 'it needs two processes of the server'],
  [51, 'a clock that jumps does no harm', 'it needs a moved clock'],
  [53, 'two thousand that are refreshed every four seconds are all kept', 'it is a load, and no behaviour'],
  [54, 'what became due while the database was away is sent once', DATABASE],
  [55, 'what the limit of sending refuses does not vanish', 'it needs limits that are known'],
  [77, 'tokens are in no log', 'it needs the logs of the server'],
  [85, 'twenty clients behind one address are not refused', 'the limits are the operator’s to set'],
];

/** These, as results of a run. */
export function listNotSeen(): Result[] {
  return NOT_SEEN.map(([number, name, why]) => ({
    number,
    name,
    verdict: 'does not apply',
    why,
    notes: [],
    tookMs: 0,
  }));
}
