const TOKEN = /^s(-?[0-9]{1,15})$/;

/**
 * The token for the point right after a stream position, as /sync and /messages hand it out: events at `position` and
 * before lie on one side of it, all later ones on the other. Backfilled events have negative positions.
 */
export function formatStreamToken(position: number): string {
  return `s${position}`;
}

/** The position in a token; undefined for what this server did not hand out. */
export function parseStreamToken(token: string): number | undefined {
  const digits = TOKEN.exec(token)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
