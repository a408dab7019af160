import type { LoggedIn, SessionWishes } from '../accounts/login-session.ts';
import type { IssuedTokens } from '../accounts/tokens.ts';
import { z } from 'zod';
import type { DeviceId } from '../matrix/identifiers.ts';
import type { JsonObject } from '../util/json.ts';
import { deviceIdField, storedText } from './request-body.ts';

/** The fields by which a client says how it wants to be logged in, the same on login and registration. */
export const sessionFields = {
  device_id: deviceIdField.optional(),
  initial_device_display_name: storedText.max(1024).optional(),
  refresh_token: z.boolean().default(false),
};

interface SessionFields {
  readonly device_id?: DeviceId | undefined;
  readonly initial_device_display_name?: string | undefined;
  readonly refresh_token: boolean;
}

/** What those fields ask for. */
export function toSessionWishes(fields: SessionFields): SessionWishes {
  return {
    deviceId: fields.device_id,
    displayName: fields.initial_device_display_name,
    refreshable: fields.refresh_token,
  };
}

/** A login as login and registration answer it. */
export function loginBody(login: LoggedIn): JsonObject {
  return { user_id: login.userId, device_id: login.deviceId, ...tokensBody(login) };
}

/** Tokens as they are handed out; what there is none of is absent. */
export function tokensBody(tokens: IssuedTokens): JsonObject {
  return {
    access_token: tokens.accessToken,
    ...(tokens.refreshToken === undefined ? {} : { refresh_token: tokens.refreshToken }),
    ...(tokens.expiresInMs === undefined ? {} : { expires_in_ms: tokens.expiresInMs }),
  };
}
