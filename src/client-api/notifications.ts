import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { readNotifications } from '../push/list-notifications.ts';
import type { RenderDeps } from '../rooms/client-events.ts';
import { oldPath } from './room-fields.ts';

const LIMIT_BY_DEFAULT = 20;
const HIGHEST_LIMIT = 100;

const getNotifications = endpoint({
  name: 'getNotifications',
  method: 'GET',
  path: '/_matrix/client/v3/notifications',
  alsoAt: [oldPath('/_matrix/client/v3/notifications')],
  auth: 'user',
  rateLimit: 'read',
  query: z.object({
    from: z.string().optional(),
    limit: z
      .string()
      .regex(/^[0-9]{1,9}$/, 'expected a whole number')
      .transform((text) => Math.min(Math.max(Number(text), 1), HIGHEST_LIMIT))
      .default(LIMIT_BY_DEFAULT),
    only: z.string().optional(),
  }),
  handle: async (deps: RenderDeps, { query, requester }) => ({
    body: await readNotifications(deps, requester, {
      from: query.from,
      limit: query.limit,
      highlightsOnly: query.only === 'highlight',
    }),
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#listing-notifications */
export const notificationEndpoints: readonly Endpoint<RenderDeps>[] = [getNotifications];
