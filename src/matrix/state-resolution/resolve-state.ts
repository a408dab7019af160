import type { Resolution, ResolutionInput } from './resolution.ts';
import { resolveV1 } from './resolve-v1.ts';
import { resolveV2 } from './resolve-v2.ts';

export type { Resolution, ResolutionInput } from './resolution.ts';

/**
 * Brings the states after several events together by the algorithm of the room version. Pure and synchronous; the
 * result does not depend on the order of the states. When events are missing it names them, and the caller loads them
 * and asks again: first the conflicted events with their auth chains, and only where that leaves doubts the auth
 * chains of the state that is not conflicted.
 * https://spec.matrix.org/v1.19/server-server-api/#room-state-resolution
 */
export function resolveState(input: ResolutionInput): Resolution {
  const [first, ...others] = input.stateSets;
  if (first === undefined) return { kind: 'resolved', state: new Map() };
  if (others.length === 0) return { kind: 'resolved', state: first };
  return input.rules.stateResolution === 'v1' ? resolveV1(input) : resolveV2(input);
}
