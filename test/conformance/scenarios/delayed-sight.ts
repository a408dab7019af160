import type { JsonObject } from '../../../src/util/json.ts';
import type { Account } from '../accounts.ts';
import { listIn, objectIn } from '../observer.ts';
import { segment } from '../peer.ts';
import { inDialects, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { check, checkSame, need } from '../verdict.ts';

const C = '/_matrix/client/v3';
const DELAY_IDS = ['delay_id', 'org.matrix.msc4140.delay_id'] as const;

/** Who sees what of a delayed event, before it is sent and after. */
export const delayedSight: readonly Scenario[] = [
  ...inDialects(75, 'nobody sees it in the room before it is sent', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const { due } = await api.make(stage, { type: stage.type, delayMs: 2_000 }, { roomId });
    for (const account of [stage.owner, stage.other]) {
      const synced = await stage.sync(roomId, account);
      const room = objectIn(objectIn(objectIn(synced.body, 'rooms'), 'join'), roomId);
      const events = [
        ...listIn(objectIn(room, 'timeline'), 'events'),
        ...listIn(objectIn(room, 'state'), 'events'),
      ];
      const read = await stage.eventsOf(roomId, stage.type, account);
      stage.expectBefore(due.earliestMs);
      check(events.length > 0, 'the room is not in the answer of /sync', synced);
      check(
        events.every((event) => event['type'] !== stage.type),
        'it is in the answer of /sync before its time',
        synced,
      );
      checkSame(read.length, 0, 'the number of events before its time');
    }
    await stage.expectOne(roomId, stage.type, due);
  }),

  ...inDialects(76, 'its sender, and nobody else, finds its delay id in the event', async (stage, api) => {
    const roomId = await stage.makeRoom({ members: [stage.other] });
    const { id, due } = await api.make(stage, { type: stage.type, delayMs: 1_000 }, { roomId });
    const { event_id: eventId } = await stage.expectOne(roomId, stage.type, due);
    check(typeof eventId === 'string', 'the event has no id');
    const own = await readings(stage, roomId, eventId, stage.owner);
    for (const [where, event] of own) {
      const unsigned = objectIn(event, 'unsigned');
      const values = DELAY_IDS.map((key) => unsigned[key]);
      const wanted = api.isStable ? [unsigned['delay_id']] : values;
      if (api.dialect !== 'query')
        check(wanted.includes(id), `its sender does not find the delay id in ${where}`);
      else if (!values.includes(id)) stage.note(`there is no delay id in ${where}, as in older drafts`);
      if (api.isStable)
        check(unsigned['transaction_id'] === undefined, `a delayed event has a transaction id in ${where}`);
    }
    for (const [where, event] of await readings(stage, roomId, eventId, stage.other))
      check(!JSON.stringify(event).includes(id), `somebody else finds the delay id in ${where}`);
  }),
];

/** The event as a member gets it in all ways, by the name of the way. */
async function readings(
  stage: Stage,
  roomId: string,
  eventId: string,
  account: Account,
): Promise<[string, JsonObject][]> {
  const room = `${C}/rooms/${segment(roomId)}`;
  const { token } = account;
  const [synced, messages, single, context] = await Promise.all([
    stage.sync(roomId, account),
    stage.eventsOf(roomId, stage.type, account),
    stage.peer.ask('GET', `${room}/event/${segment(eventId)}`, { token }),
    stage.peer.ask('GET', `${room}/context/${segment(eventId)}?limit=0`, { token }),
  ]);
  const joined = objectIn(objectIn(objectIn(synced.body, 'rooms'), 'join'), roomId);
  const inSync = listIn(objectIn(joined, 'timeline'), 'events').filter(({ type }) => type === stage.type);
  return [
    ...inSync.map((event): [string, JsonObject] => ['/sync', event]),
    ...messages.map((event): [string, JsonObject] => ['/messages', event]),
    ['/event', need(single, 'reading an event').body],
    ['/context', objectIn(need(context, 'reading a context').body, 'event')],
  ];
}
