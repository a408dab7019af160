const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"`;
const CONTENT_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))*[ \\t]*;?[ \\t]*$`,
);
const MAX_LENGTH = 255;
const UNKNOWN = 'application/octet-stream';

/** The only types that browsers may show rather than save. */
const INLINE: ReadonlySet<string> = new Set([
  'text/css',
  'text/plain',
  'text/csv',
  'application/json',
  'application/ld+json',
  'image/jpeg',
  'image/gif',
  'image/png',
  'image/apng',
  'image/webp',
  'image/avif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'audio/mp4',
  'audio/webm',
  'audio/aac',
  'audio/mpeg',
  'audio/ogg',
  'audio/wave',
  'audio/wav',
  'audio/x-wav',
  'audio/x-pn-wav',
  'audio/flac',
  'audio/x-flac',
]);

/**
 * The Content-Type that an upload is served with: as it was sent, or `application/octet-stream` for none and for what
 * is no media type. Browsers read a malformed one each in their own way, and could see a type there that we do not.
 */
export function servedContentType(sent: string | undefined): string {
  return sent !== undefined && sent.length <= MAX_LENGTH && CONTENT_TYPE.test(sent) ? sent : UNKNOWN;
}

/**
 * True for the types that cannot run scripts in the reader's browser, whatever their parameters.
 * https://spec.matrix.org/v1.19/client-server-api/#serving-inline-content
 */
export function isInlineType(contentType: string): boolean {
  const type = CONTENT_TYPE.exec(contentType)?.[1];
  return type !== undefined && INLINE.has(type.toLowerCase());
}
