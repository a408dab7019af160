import type { Setting } from './setting.ts';
import { parseSupportContacts, type SupportContact } from './support-contacts.ts';
import { parseHttpUrl, parseList, parseSwitch, parseText, wholeNumberFrom } from './values.ts';

/** What clients are offered beside rooms: other ways to log in, calls, help. */

export const LOGIN_TOKEN_LIFETIME: Setting<number> = {
  key: 'login_token_lifetime_ms',
  about: 'How long a token is good for by which a user lets another device log in, in milliseconds',
  expects: 'a whole number of milliseconds, at least 1',
  parse: wholeNumberFrom(1),
  fallback: 120_000,
  fallbackText: '120000 (2 minutes)',
};

export const TURN_URIS: Setting<readonly string[] | undefined> = {
  key: 'turn_uris',
  about: 'Addresses of TURN servers for calls, separated by commas',
  expects: 'turn: or turns: URIs, such as turn:turn.example.org:3478?transport=udp',
  parse: parseTurnUris,
  fallback: undefined,
  fallbackText: 'none',
  isList: true,
};

export const TURN_SHARED_SECRET: Setting<string | undefined> = {
  key: 'turn_shared_secret',
  about: 'What those TURN servers know users by (`static-auth-secret` of coturn)',
  expects: 'a text',
  parse: parseText,
  fallback: undefined,
  fallbackText: 'none',
  secret: true,
};

export const TURN_TTL: Setting<number> = {
  key: 'turn_ttl_seconds',
  about: 'How long a user can begin calls with what they were told of TURN servers, in seconds',
  expects: 'a whole number of seconds, at least 1',
  parse: wholeNumberFrom(1),
  fallback: 86_400,
  fallbackText: '86400 (1 day)',
};

export const SUPPORT_CONTACTS: Setting<readonly SupportContact[] | undefined> = {
  key: 'support_contacts',
  about: 'Whom to turn to, for /.well-known/matrix/support: `role=address`, separated by commas',
  expects:
    'admin, security or a role with dots, = and a user id or e-mail address, such as admin=@alice:example.org',
  parse: parseSupportContacts,
  fallback: undefined,
  fallbackText: 'none',
  isList: true,
};

export const SUPPORT_PAGE: Setting<string | undefined> = {
  key: 'support_page',
  about: 'A page that helps users of this server, for /.well-known/matrix/support',
  expects: 'an http:// or https:// URL',
  parse: parseHttpUrl,
  fallback: undefined,
  fallbackText: 'none',
};

export const URL_PREVIEWS: Setting<boolean> = {
  key: 'url_previews',
  about: 'Whether this server looks at the URLs that clients ask it about, to tell them what is there',
  expects: 'on or off',
  parse: parseSwitch,
  fallback: false,
  fallbackText: 'off',
};

export const THREAD_SUBSCRIPTIONS: Setting<boolean> = {
  key: 'thread_subscriptions',
  about:
    'Whether messages in a thread notify only who subscribed to it or is mentioned (MSC4306); clients must know of it',
  expects: 'on or off',
  parse: parseSwitch,
  fallback: false,
  fallbackText: 'off',
};

export const LEGACY_MENTIONS: Setting<boolean> = {
  key: 'legacy_mentions',
  about:
    'Whether names and @room in the text of a message notify where its sender does not say whom it mentions, as before v1.17 of the specification',
  expects: 'on or off',
  parse: parseSwitch,
  fallback: false,
  fallbackText: 'off',
};

/** All of them, in the order in which they are printed. */
export const CLIENT_SETTINGS: readonly Setting<unknown>[] = [
  LOGIN_TOKEN_LIFETIME,
  TURN_URIS,
  TURN_SHARED_SECRET,
  TURN_TTL,
  SUPPORT_CONTACTS,
  SUPPORT_PAGE,
  URL_PREVIEWS,
  LEGACY_MENTIONS,
  THREAD_SUBSCRIPTIONS,
];

/** The scheme and what must follow it; the rest is for the clients' WebRTC to read. */
function parseTurnUris(text: string): readonly string[] | undefined {
  const uris = parseList(text);
  return uris !== undefined && uris.length > 0 && uris.every((uri) => /^turns?:[^\s/]+$/.test(uri))
    ? uris
    : undefined;
}
