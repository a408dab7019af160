import { isJsonArray, isJsonObject, type JsonObject } from '../../src/util/json.ts';
import { DelayedApi } from './delayed-api.ts';
import { SeedApi } from './seed-api.ts';
import { objectIn } from './observer.ts';
import type { Answer } from './peer.ts';
import type { Generation } from './scenario.ts';
import { Stage, type Scene } from './stage.ts';

/** What the peer says of itself. */
export interface Announcements {
  readonly features: JsonObject;
  readonly maxDelayMs: number | undefined;
  readonly maxScheduled: number | undefined;
}

/** Reads /versions and /capabilities; whatever is not as it should be counts as not announced. */
export function readAnnouncements(versions: Answer, capabilities: Answer): Announcements {
  const all = objectIn(capabilities.body, 'capabilities');
  const limits = {
    ...objectIn(all, 'org.matrix.msc4140.delayed_events'),
    ...objectIn(all, 'm.delayed_events'),
  };
  const limit = (key: string): number | undefined => {
    const value = limits[key];
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const features = versions.body['unstable_features'];
  return {
    features: isJsonObject(features) ? features : {},
    maxDelayMs: limit('max_delay_ms'),
    maxScheduled: limit('max_scheduled'),
  };
}

/**
 * Why each generation that is wanted cannot be tested; those that can be are absent. It is found out in a way that does
 * no harm when the peer does not have it. Whoever announces delayed events must have one way to schedule them.
 */
export async function findAbsences(
  scene: Scene,
  features: JsonObject,
  wanted: ReadonlySet<Generation>,
): Promise<ReadonlyMap<Generation, string>> {
  const found = await Promise.all(
    [...wanted].map(async (generation): Promise<[Generation, string][]> => {
      const why = await findAbsence(scene, features, generation);
      return why === undefined ? [] : [[generation, why]];
    }),
  );
  const absences = new Map(found.flat());
  if (features[UNSTABLE_FLAG] === true && absences.has('unstable')) absences.delete('query');
  return absences;
}

const UNSTABLE_FLAG = 'org.matrix.msc4140';

async function findAbsence(
  scene: Scene,
  features: JsonObject,
  generation: Generation,
): Promise<string | undefined> {
  const { peer, owner } = scene;
  if (generation === 'seed') {
    const path = '/_matrix/client/v3/futures';
    const { status, json } = await peer.ask('GET', path, { token: owner.token });
    if (status === 200 && isJsonArray(json)) return undefined;
    return `the peer does not know the API as first proposed: GET ${path} is answered with ${status}`;
  }
  const flag = generation === 'stable' ? `${UNSTABLE_FLAG}.stable` : UNSTABLE_FLAG;
  if (features[flag] !== true) return `the peer does not announce ${flag} in /versions`;
  if (generation === 'stable') return undefined;
  const stage = new Stage(scene, `probe.${generation}`, true);
  const api = new DelayedApi(peer, generation);
  const answer = await api.schedule(stage, { type: stage.type, delayMs: 60_000 });
  const { delay_id: id, event_id: eventId, errcode } = answer.body;
  if (typeof id === 'string') await api.manage(id, 'cancel', owner);
  if (generation === 'unstable' && answer.status !== 200 && errcode === 'M_UNRECOGNIZED')
    return `the peer announces ${flag}, and has not this endpoint, as drafts before it`;
  if (generation === 'query' && typeof eventId === 'string')
    return `the peer announces ${flag}, and sends at once: the merged text does not have the parameter`;
  return undefined;
}

/** Whether an event that is to be sent soon is sent within the time that the text allows. */
export async function isSentInTime(stage: Stage, generation: Generation): Promise<boolean> {
  const { peer, roomId, type } = stage;
  const api = generation === 'seed' ? new SeedApi(peer) : new DelayedApi(peer, generation);
  try {
    const due = await api.sendLater(stage, type, 1_000);
    return (await stage.arrival(roomId, type, due)) !== undefined;
  } catch {
    // What is wrong here the scenarios will say.
    return false;
  }
}
