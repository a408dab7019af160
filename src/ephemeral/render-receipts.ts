import type { OwnedReceipt } from '../storage/receipts.ts';
import type { JsonObject } from '../util/json.ts';

/** An m.receipt event. */
export interface ReceiptEvent extends JsonObject {
  readonly type: 'm.receipt';
  readonly content: JsonObject;
}

type Content = Record<string, Record<string, Record<string, JsonObject>>>;

/**
 * Receipts of one room as m.receipt events: one, unless somebody has receipts for an event and for a thread at once, which
 * one event cannot say. https://spec.matrix.org/v1.19/client-server-api/#mreceipt
 */
export function renderReceipts(receipts: readonly OwnedReceipt[]): ReceiptEvent[] {
  const contents: Content[] = [];
  for (const { eventId, type, userId, receivedTs, threadId } of receipts) {
    let content = contents.find((one) => one[eventId]?.[type]?.[userId] === undefined);
    if (content === undefined) contents.push((content = {}));
    const byType = (content[eventId] ??= {});
    const byUser = (byType[type] ??= {});
    byUser[userId] = { ts: receivedTs, ...(threadId === undefined ? {} : { thread_id: threadId }) };
  }
  return contents.map((content) => ({ type: 'm.receipt', content }));
}
