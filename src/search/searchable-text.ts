import { isJsonObject, type JsonObject } from '../util/json.ts';

/** Where in an event a text is. */
export const SEARCH_KEYS = ['content.body', 'content.name', 'content.topic'] as const;
export type SearchKey = (typeof SEARCH_KEYS)[number];

const TEXTS: ReadonlyMap<string, { readonly key: SearchKey; readonly member: string }> = new Map([
  ['m.room.message', { key: 'content.body', member: 'body' }],
  ['m.room.name', { key: 'content.name', member: 'name' }],
  ['m.room.topic', { key: 'content.topic', member: 'topic' }],
]);

/** The types of events that can be searched for. */
export const SEARCHABLE_TYPES: readonly string[] = [...TEXTS.keys()];

/** The text that an event is found by, if there is one. Of an edit that is what it puts in the place of the old one. */
export function searchableText(
  type: string,
  content: JsonObject,
  isEdit: boolean,
): { readonly key: SearchKey; readonly text: string } | undefined {
  const place = TEXTS.get(type);
  const holder = isEdit ? content['m.new_content'] : content;
  const text = place === undefined || !isJsonObject(holder) ? undefined : holder[place.member];
  return place === undefined || typeof text !== 'string' ? undefined : { key: place.key, text };
}
