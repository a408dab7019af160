import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  afterActing,
  afterSaying,
  afterSync,
  GONE_AFTER_MS,
  IDLE_AFTER_MS,
  NEVER_THERE,
  nextChangeAt,
  stateAt,
} from '../../src/ephemeral/presence-state.ts';
import { parseDeviceId } from '../../src/matrix/identifiers.ts';
import type { Presence, PresenceState } from '../../src/storage/presence.ts';

const START = 1_700_000_000_000;

function device(name: string) {
  const deviceId = parseDeviceId(name);
  if (deviceId === undefined) throw new Error(`${name} is no device id`);
  return deviceId;
}

const [PHONE, LAPTOP] = [device('PHONE'), device('LAPTOP')];

/** A client that syncs at a time, with a minute and a half until it is missed. */
function sync(presence: Presence, nowMs: number, says: 'online' | 'unavailable', deviceId = PHONE): Presence {
  return afterSync(presence, { deviceId, says, untilTs: nowMs + 90_000 }, nowMs);
}

function say(presence: Presence, nowMs: number, state: PresenceState): Presence {
  return afterSaying(presence, { deviceId: PHONE, state, statusMsg: undefined }, nowMs);
}

describe('presence, from its times', () => {
  it('is offline at first', () => {
    assert.equal(stateAt(NEVER_THERE, START), 'offline');
    assert.equal(nextChangeAt(NEVER_THERE, START), undefined);
  });

  it('is online while a client syncs, and offline when it is missed', () => {
    const there = sync(NEVER_THERE, START, 'online');
    assert.equal(there.state, 'online');
    assert.equal(nextChangeAt(there, START), START + 90_000);
    assert.equal(stateAt(there, START + 90_000), 'offline');
  });

  it('is unavailable when a client syncs on for minutes without anything done', () => {
    let presence = sync(NEVER_THERE, START, 'online');
    for (let atMs = START; atMs < START + IDLE_AFTER_MS; atMs += 30_000)
      presence = sync(presence, atMs, 'online');
    assert.equal(stateAt(presence, START + IDLE_AFTER_MS - 1), 'online');
    assert.equal(nextChangeAt(presence, START + IDLE_AFTER_MS - 1), START + IDLE_AFTER_MS);
    assert.equal(stateAt(presence, START + IDLE_AFTER_MS), 'unavailable');
    assert.equal(sync(presence, START + IDLE_AFTER_MS, 'online').state, 'unavailable');
    assert.equal(afterActing(presence, START + IDLE_AFTER_MS).state, 'online');
  });

  it('is what the client that called its user online says later', () => {
    const online = sync(NEVER_THERE, START, 'online');
    const away = sync(online, START + 1, 'unavailable');
    assert.equal(away.state, 'unavailable');
    assert.equal(sync(away, START + IDLE_AFTER_MS * 2, 'online').state, 'online');
  });

  it('stays online while one client says so and another does not', () => {
    const online = sync(NEVER_THERE, START, 'online', LAPTOP);
    assert.equal(sync(online, START + 1, 'unavailable', PHONE).state, 'online');
  });

  it('is what the user says', () => {
    const online = say(NEVER_THERE, START, 'online');
    assert.deepEqual([online.state, online.lastActiveTs], ['online', START]);
    assert.equal(stateAt(online, START + GONE_AFTER_MS), 'offline');
    const away = say(online, START + 1, 'unavailable');
    assert.deepEqual([away.state, away.lastActiveTs], ['unavailable', START]);
    assert.equal(say(away, START + 2, 'offline').state, 'offline');
  });

  it('of who is offline is not betrayed by what they do', () => {
    const hidden = say(sync(NEVER_THERE, START, 'online'), START + 1, 'offline');
    assert.equal(afterActing(hidden, START + 2).state, 'offline');
  });

  it('changes when it was foretold, and not before', () => {
    type Step = (presence: Presence, nowMs: number) => Presence;
    const steps: Step[] = [
      (presence, nowMs) => sync(presence, nowMs, 'online'),
      (presence, nowMs) => sync(presence, nowMs, 'unavailable', LAPTOP),
      (presence, nowMs) => sync(presence, nowMs, 'unavailable'),
      (presence, nowMs) => say(presence, nowMs, 'online'),
      (presence, nowMs) => say(presence, nowMs, 'unavailable'),
      (presence, nowMs) => say(presence, nowMs, 'offline'),
      afterActing,
    ];
    const step = fc.record({ step: fc.constantFrom(...steps), waitMs: fc.nat(200_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (taken) => {
        let [presence, nowMs] = [NEVER_THERE, START];
        for (const { step, waitMs } of taken) {
          presence = step(presence, (nowMs += waitMs));
          assert.equal(presence.state, stateAt(presence, nowMs));
        }
        const dueMs = nextChangeAt(presence, nowMs);
        if (dueMs === undefined) return assert.equal(presence.state, 'offline');
        assert.ok(dueMs > nowMs);
        assert.equal(stateAt(presence, dueMs - 1), presence.state);
        return assert.notEqual(stateAt(presence, dueMs), presence.state);
      }),
    );
  });
});
