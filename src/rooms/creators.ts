import { isJsonArray, type JsonObject, type JsonValue } from '../util/json.ts';
import type { UserId } from '../matrix/identifiers.ts';

/**
 * `additional_creators` with more users in it, each once and never the creator. undefined when nobody is left; what is no
 * list is handed on for the auth rules to refuse. https://spec.matrix.org/v1.19/rooms/v12/
 */
export function mergeCreators(
  wished: JsonValue | undefined,
  more: readonly UserId[],
  creator: UserId,
): JsonValue | undefined {
  if (wished !== undefined && !isJsonArray(wished)) return wished;
  const merged = [...new Set([...(wished ?? []), ...more])].filter((userId) => userId !== creator);
  return merged.length === 0 ? undefined : merged;
}

/** All creators of a room that `creator` makes with this content. */
export function creatorsOfContent(creator: UserId, content: JsonObject): readonly JsonValue[] {
  const additional = content['additional_creators'];
  return [creator, ...(isJsonArray(additional) ? additional : [])];
}
