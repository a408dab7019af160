import { pickEventFields } from '../matrix/event-fields.ts';
import type { Filter } from '../matrix/filters.ts';
import { redactPdu } from '../matrix/redaction.ts';
import { renderWithBundles, type BundleDeps } from '../rooms/bundles.ts';
import { readableEvent, type Viewer } from '../rooms/client-events.ts';
import type { StoredEvent } from '../storage/events.ts';
import type { JsonObject } from '../util/json.ts';

/** Events in the form that the filter asks for: its format, and of that its fields. */
export async function renderFiltered(
  deps: BundleDeps,
  viewer: Viewer,
  filter: Pick<Filter, 'eventFormat' | 'eventFields'>,
  events: readonly StoredEvent[],
): Promise<JsonObject[]> {
  const rendered =
    filter.eventFormat === 'federation'
      ? events.map(federationForm)
      : await renderWithBundles(deps, events, viewer, { withRoomId: false });
  const { eventFields } = filter;
  return eventFields === undefined ? rendered : rendered.map((event) => pickEventFields(event, eventFields));
}

function federationForm(stored: StoredEvent): JsonObject {
  const { event, rules } = readableEvent(stored);
  return stored.redactedByNid === undefined ? event.pdu : redactPdu(event.pdu, rules);
}
