import { isJsonObject, type JsonObject, type JsonValue } from '../util/json.ts';

/**
 * What `event_fields` keeps of an event: the properties at these dot-separated paths, as nested objects. A path that
 * leads nowhere is passed over. In a path `\.` is a dot of a name and `\\` a backslash.
 * https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths
 */
export function pickEventFields(event: JsonObject, paths: readonly string[]): JsonObject {
  const tree: Branch = new Map();
  for (const path of paths) addPath(tree, splitPath(path));
  return pick(event, tree);
}

/** The names along a path. */
export function splitPath(path: string): readonly string[] {
  const names = [''];
  for (let at = 0; at < path.length; at++) {
    const char = path.charAt(at);
    const next = path.charAt(at + 1);
    if (char === '.') names.push('');
    else if (char === '\\' && (next === '.' || next === '\\'))
      names.push(`${names.pop() ?? ''}${path.charAt(++at)}`);
    else names.push(`${names.pop() ?? ''}${char}`);
  }
  return names;
}

/** Names to keep; undefined below a name keeps all of it. */
type Branch = Map<string, Branch | undefined>;

function addPath(tree: Branch, names: readonly string[]): void {
  const [name = '', ...rest] = names;
  if (tree.has(name) && tree.get(name) === undefined) return;
  if (rest.length === 0) {
    tree.set(name, undefined);
    return;
  }
  const below: Branch = tree.get(name) ?? new Map();
  tree.set(name, below);
  addPath(below, rest);
}

function pick(object: JsonObject, tree: Branch): JsonObject {
  const kept: [string, JsonValue][] = [];
  for (const [name, value] of Object.entries(object)) {
    const below = tree.get(name);
    if (value === undefined || !tree.has(name)) continue;
    if (below === undefined) kept.push([name, value]);
    else if (isJsonObject(value)) {
      const inner = pick(value, below);
      if (Object.keys(inner).length > 0) kept.push([name, inner]);
    }
  }
  return Object.fromEntries(kept);
}
