import { badJson, invalidParam } from '../matrix/errors.ts';
import {
  parseDeviceId,
  parseUserId,
  serverNameOf,
  type DeviceId,
  type ServerName,
  type UserId,
} from '../matrix/identifiers.ts';
import { insertTransaction } from '../storage/client-transactions.ts';
import { allotPositions, inTransaction, type Db } from '../storage/database.ts';
import { insertToDeviceMessages, type AddressedContent } from '../storage/to-device.ts';
import type { Clock } from '../util/clock.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';

export interface ToDeviceDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly serverName: ServerName;
  /** Told after the commit which users' devices have something to fetch. */
  readonly toDeviceArrived: (userNids: readonly number[]) => void;
}

/** Messages of one type, as a device sends them. */
export interface ToDeviceRequest {
  readonly type: string;
  readonly txnId: string;
  /** User id → device id or `*` → content. */
  readonly messages: JsonObject;
}

/**
 * Leaves each message with the devices that it is for, until they sync past it. A repeat of the transaction id by the
 * same device does nothing. Users and devices that do not exist are passed over, and so are users of other servers.
 * Throws 400 M_BAD_JSON or M_INVALID_PARAM for messages of the wrong form.
 * https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
 */
export async function sendToDevice(
  deps: ToDeviceDeps,
  sender: { readonly userId: UserId; readonly userNid: number; readonly deviceId: DeviceId },
  request: ToDeviceRequest,
): Promise<void> {
  if (`${request.type}${request.txnId}`.includes('\0')) throw invalidParam('The path must not contain NUL');
  const messages = parseMessages(request.messages).filter(
    (message) => serverNameOf(message.userId) === deps.serverName,
  );
  if (messages.length === 0) return;
  const key = {
    userNid: sender.userNid,
    deviceId: sender.deviceId,
    endpoint: `sendToDevice/${request.type}`,
    txnId: request.txnId,
  };
  const reached = await inTransaction(deps.db, async (tx) => {
    const position = await allotPositions(tx, 1);
    if (!(await insertTransaction(tx, key, {}, deps.clock.nowMs()))) return [];
    return insertToDeviceMessages(tx, position, { sender: sender.userId, type: request.type }, messages);
  });
  if (reached.length > 0) deps.toDeviceArrived(reached);
}

/** The messages one by one. Throws 400 M_INVALID_PARAM for ids, M_BAD_JSON for the rest. */
function parseMessages(messages: JsonObject): readonly AddressedContent[] {
  return Object.entries(messages).flatMap(([user, byDevice]) => {
    const userId = parseUserId(user);
    if (userId === undefined) throw invalidParam(`messages: ${user} is not a user id`);
    if (!isJsonObject(byDevice)) throw badJson(`messages.${user}: expected an object`);
    return Object.entries(byDevice).map(([device, content]) => {
      const deviceId = parseDeviceId(device);
      if (deviceId === undefined) throw invalidParam(`messages.${user}: ${device} is not a device id`);
      if (!isJsonObject(content)) throw badJson(`messages.${user}.${device}: expected an object`);
      return { userId, deviceId, content: JSON.stringify(content) };
    });
  });
}
