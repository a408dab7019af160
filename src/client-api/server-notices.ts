import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { sendNotice, type SendNoticeDeps } from '../server-notices/send-notice.ts';
import { userIdField } from './room-fields.ts';

const PATH = '/_synapse/admin/v1/send_server_notice';

const noticeBody = z
  .object({
    user_id: userIdField,
    content: jsonObject,
    type: z.string().default('m.room.message'),
    state_key: z.string().nullish(),
  })
  .transform((body) => ({
    userId: body.user_id,
    event: { type: body.type, stateKey: body.state_key ?? undefined, content: body.content },
  }));

const sendServerNotice = endpoint({
  name: 'sendServerNotice',
  method: 'POST',
  path: PATH,
  auth: 'admin',
  rateLimit: 'none',
  body: noticeBody,
  handle: async (deps: SendNoticeDeps, { body }) => ({
    body: await sendNotice(deps, { ...body, transaction: undefined }),
  }),
});

const sendServerNoticeOnce = endpoint({
  name: 'sendServerNoticeOnce',
  method: 'PUT',
  path: `${PATH}/{txnId}`,
  auth: 'admin',
  rateLimit: 'none',
  body: noticeBody,
  handle: async (deps: SendNoticeDeps, { params, body, requester }) => {
    const { userNid, deviceId } = requester;
    const transaction = { userNid, deviceId, endpoint: 'send_server_notice', txnId: params.txnId };
    return { body: await sendNotice(deps, { ...body, transaction }) };
  },
});

/**
 * How administrators tell users something, as Synapse has it. What it means for the users:
 * https://spec.matrix.org/v1.19/client-server-api/#server-notices
 */
export const serverNoticesEndpoints: readonly Endpoint<SendNoticeDeps>[] = [
  sendServerNotice,
  sendServerNoticeOnce,
];
