/**
 * The life of a future. Exactly one of its alternatives is ever sent; whatever ends it, ends it for good.
 *
 * ```
 *              refresh (the timer starts again)
 *              ┌──────┐
 *              ▼      │
 *           ┌─────────┴─┐ timeout, send ─────────────► sent
 *   made ─► │  pending  │ timeout-refused ───────────► failed
 *           └───────────┘ cancel, deactivate ────────► cancelled
 *                 ▲   │   supersede ─────────────────► superseded
 *                 └───┘ send-refused (it may be allowed later)
 * ```
 */
export const FUTURE_STATUSES = ['pending', 'sent', 'superseded', 'cancelled', 'failed'] as const;
export type FutureStatus = (typeof FUTURE_STATUSES)[number];

/**
 * What can happen to a future. `refresh`, `send` (an action, or an alternative sent early) and `cancel` are asked for;
 * `timeout` is the timer; `-refused` says that the room did not allow the event; `supersede` is newer state in the
 * slot that the future watches; `deactivate` is the end of its owner's account.
 */
export const FUTURE_EVENTS = [
  'refresh',
  'timeout',
  'timeout-refused',
  'send',
  'send-refused',
  'cancel',
  'supersede',
  'deactivate',
] as const;
export type FutureEvent = (typeof FUTURE_EVENTS)[number];

/**
 * What whoever caused the event is told. `done`: it has happened now. `repeat`: it had happened before, as asked.
 * `repeat-if-same`: so it had, if the same alternative was asked for; else `gone`. `gone`: the future ended otherwise.
 * `refused`: the room's own error. `ignored`: nobody asked.
 */
export type FutureAnswer = 'done' | 'repeat' | 'repeat-if-same' | 'gone' | 'refused' | 'ignored';

/** One cell: the status afterwards and the answer. */
export interface FutureStep {
  readonly next: FutureStatus;
  readonly answer: FutureAnswer;
}

type Life = { readonly [Status in FutureStatus]: { readonly [Event in FutureEvent]: FutureStep } };

const step = (next: FutureStatus, answer: FutureAnswer): FutureStep => ({
  next,
  answer,
});

/** What does not change a future that has ended, whichever way. */
function ended(status: FutureStatus): Life[FutureStatus] {
  return {
    refresh: step(status, 'gone'),
    timeout: step(status, 'ignored'),
    'timeout-refused': step(status, 'ignored'),
    send: step(status, 'gone'),
    'send-refused': step(status, 'refused'),
    cancel: step(status, 'gone'),
    supersede: step(status, 'ignored'),
    deactivate: step(status, 'ignored'),
  };
}

/** Every state and every event. */
export const FUTURE_LIFE: Life = {
  pending: {
    refresh: step('pending', 'done'),
    timeout: step('sent', 'done'),
    'timeout-refused': step('failed', 'done'),
    send: step('sent', 'done'),
    'send-refused': step('pending', 'refused'),
    cancel: step('cancelled', 'done'),
    supersede: step('superseded', 'done'),
    deactivate: step('cancelled', 'done'),
  },
  sent: { ...ended('sent'), send: step('sent', 'repeat-if-same') },
  superseded: ended('superseded'),
  cancelled: { ...ended('cancelled'), cancel: step('cancelled', 'repeat') },
  failed: ended('failed'),
};
