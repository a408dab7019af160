import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { missingParam, unknownDevice } from '../matrix/errors.ts';
import { removePusher, setPusher, type PusherDeps } from '../push/set-pusher.ts';
import { listPushers, type Pusher } from '../storage/pushers.ts';
import type { JsonObject } from '../util/json.ts';
import { storedText } from './request-body.ts';
import { oldPath } from './room-fields.ts';

const MAX_APP_ID_LENGTH = 64;
const MAX_PUSHKEY_BYTES = 512;

const getPushers = endpoint({
  name: 'getPushers',
  method: 'GET',
  path: '/_matrix/client/v3/pushers',
  alsoAt: [oldPath('/_matrix/client/v3/pushers')],
  auth: 'user',
  rateLimit: 'read',
  handle: async ({ db }: Pick<PusherDeps, 'db'>, { requester }) => ({
    body: { pushers: (await listPushers(db, requester.userNid)).map(pusherBody) },
  }),
});

const shortText = storedText.max(1_024);
const pusherShape = z.object({
  kind: storedText.nullable(),
  app_id: storedText.min(1).max(MAX_APP_ID_LENGTH),
  pushkey: storedText
    .min(1)
    .refine((key) => Buffer.byteLength(key) <= MAX_PUSHKEY_BYTES, `at most ${MAX_PUSHKEY_BYTES} bytes`),
  app_display_name: shortText.optional(),
  device_display_name: shortText.optional(),
  profile_tag: shortText.nullish(),
  lang: shortText.optional(),
  // The rest is between the app and its gateway.
  data: jsonObject
    .refine(({ format }) => format === undefined || typeof format === 'string', 'format: expected string')
    .optional(),
  append: z.boolean().default(false),
});

const postPusher = endpoint({
  name: 'postPusher',
  method: 'POST',
  path: '/_matrix/client/v3/pushers/set',
  alsoAt: [oldPath('/_matrix/client/v3/pushers/set')],
  auth: 'user',
  rateLimit: 'write',
  body: pusherShape,
  handle: async (deps: PusherDeps, { body, requester }) => {
    const key = { appId: body.app_id, pushkey: body.pushkey };
    if (body.kind === null) {
      await removePusher(deps, requester, key);
      return { body: {} };
    }
    if (requester.isDeviceless === true)
      throw unknownDevice('A pusher belongs to a device, and none was named');
    await setPusher(deps, requester, readPusher({ ...body, kind: body.kind }), body.append);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#push-notifications */
export const pusherEndpoints: readonly Endpoint<PusherDeps>[] = [getPushers, postPusher];

/** Throws 400 M_MISSING_PARAM that names all that a pusher lacks: only one that posts needs a URL. */
function readPusher(body: z.output<typeof pusherShape> & { readonly kind: string }): Pusher {
  const { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data } = body;
  const lacksUrl = body.kind === 'http' && data?.['url'] === undefined;
  if (
    appDisplayName === undefined ||
    deviceDisplayName === undefined ||
    lang === undefined ||
    data === undefined ||
    lacksUrl
  ) {
    const needed = { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
    throw missingParam(`Missing parameters: ${[...missing, ...(lacksUrl ? ['data.url'] : [])].join(', ')}`);
  }
  return {
    appId: body.app_id,
    pushkey: body.pushkey,
    kind: body.kind,
    appDisplayName,
    deviceDisplayName,
    profileTag: body.profile_tag ?? undefined,
    lang,
    data,
  };
}

function pusherBody(pusher: Pusher): JsonObject {
  return {
    app_id: pusher.appId,
    pushkey: pusher.pushkey,
    kind: pusher.kind,
    app_display_name: pusher.appDisplayName,
    device_display_name: pusher.deviceDisplayName,
    ...(pusher.profileTag === undefined ? {} : { profile_tag: pusher.profileTag }),
    lang: pusher.lang,
    data: pusher.data,
  };
}
