import { isInlineType } from './content-type.ts';

/** Printable ASCII, which a quoted string can hold with `"` and `\` escaped. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * The Content-Disposition of a download: `inline` where browsers may show it, else `attachment`, with the file's name
 * if it has one. Names beyond ASCII are written as RFC 5987 has it.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid
 */
export function contentDisposition(contentType: string, name: string | undefined): string {
  const disposition = isInlineType(contentType) ? 'inline' : 'attachment';
  if (name === undefined || name === '') return disposition;
  if (PRINTABLE.test(name)) return `${disposition}; filename="${name.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return `${disposition}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** encodeURIComponent leaves five characters that this place does not allow. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
