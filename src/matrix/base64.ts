const BASE64_TEXT = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Standard base64 without padding. https://spec.matrix.org/v1.19/appendices/#unpadded-base64 */
export function encodeUnpaddedBase64(bytes: Uint8Array): string {
  return stripPadding(asBuffer(bytes).toString('base64'));
}

/** URL-safe base64 without padding: `-` and `_` for `+` and `/`. */
export function encodeUrlSafeBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64url');
}

/** The bytes of base64 text, padded or not, in either alphabet; undefined when it is not base64. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!BASE64_TEXT.test(text)) return undefined;
  // One character beyond a group of four holds six bits, which is no byte.
  return stripPadding(text).length % 4 === 1 ? undefined : Buffer.from(text, 'base64');
}

function stripPadding(text: string): string {
  const end = text.indexOf('=');
  return end === -1 ? text : text.slice(0, end);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
