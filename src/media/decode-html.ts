import { TextDecoder } from 'node:util';

/** Where a page may say how it is encoded, when the server does not. */
const DECLARED_WITHIN_BYTES = 1_024;
const CHARSET = /charset\s*=\s*["']?\s*([\w.:-]+)/i;

/**
 * The text of an HTML page: encoded as the Content-Type says, as the page itself says at its beginning, or as UTF-8. What
 * cannot be decoded is replaced.
 */
export function decodeHtml(bytes: Buffer, contentType: string): string {
  const beginning = bytes.subarray(0, DECLARED_WITHIN_BYTES).toString('latin1');
  const label = CHARSET.exec(contentType)?.[1] ?? CHARSET.exec(beginning)?.[1];
  return decoderFor(label).decode(bytes);
}

function decoderFor(label: string | undefined): TextDecoder {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
