import { z } from 'zod';
import { authenticateInteractively, type InteractiveAuthDeps } from '../accounts/interactive-auth.ts';
import {
  uploadCrossSigningKeys,
  type CrossSigningDeps,
  type CrossSigningUpload,
} from '../devices/cross-signing.ts';
import { listSignedKeys, uploadSignatures, type KeySignatureDeps } from '../devices/key-signatures.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { bodyWithFields } from './request-body.ts';

const optionalKey = jsonObject.nullish().transform((key) => key ?? undefined);

const uploadCrossSigningKeysEndpoint = endpoint({
  name: 'uploadCrossSigningKeys',
  method: 'POST',
  path: '/_matrix/client/v3/keys/device_signing/upload',
  alsoAt: ['/_matrix/client/unstable/keys/device_signing/upload'],
  auth: 'user',
  rateLimit: 'login',
  body: bodyWithFields(
    z.object({ master_key: optionalKey, self_signing_key: optionalKey, user_signing_key: optionalKey }),
  ),
  handle: async (deps: CrossSigningDeps & InteractiveAuthDeps, { body, requester }) => {
    const upload: CrossSigningUpload = {
      master: body.fields.master_key,
      self_signing: body.fields.self_signing_key,
      user_signing: body.fields.user_signing_key,
    };
    // A service has shown who it is, and its users have no passwords.
    const isAuthentic = requester.appservice !== undefined;
    if ((await uploadCrossSigningKeys(deps, requester, upload, isAuthentic)) === 'stored')
      return { body: {} };
    const auth = await authenticateInteractively(deps, {
      action: 'uploadCrossSigningKeys',
      flows: [['m.login.password']],
      user: requester,
      body: body.whole,
      binding: 'fixed',
    });
    if (auth.kind === 'challenge') return { status: 401, body: auth.body };
    await uploadCrossSigningKeys(deps, requester, upload, true);
    return { body: {} };
  },
});

const uploadCrossSigningSignatures = endpoint({
  name: 'uploadCrossSigningSignatures',
  method: 'POST',
  path: '/_matrix/client/v3/keys/signatures/upload',
  alsoAt: ['/_matrix/client/unstable/keys/signatures/upload'],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: KeySignatureDeps, { body, requester }) => ({
    body: { failures: await uploadSignatures(deps, requester, listSignedKeys(body)) },
  }),
});

/** https://spec.matrix.org/v1.19/client-server-api/#cross-signing */
export const crossSigningEndpoints: readonly Endpoint<
  CrossSigningDeps & InteractiveAuthDeps & KeySignatureDeps
>[] = [uploadCrossSigningKeysEndpoint, uploadCrossSigningSignatures];
