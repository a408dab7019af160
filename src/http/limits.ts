/** What one request may cost, and how long the server waits for a client. */
export interface HttpLimits {
  /** Bodies beyond this are 413 M_TOO_LARGE. */
  readonly maxBodyBytes: number;
  /** How much of a body that is too large is still read, so that the client gets to see the refusal. */
  readonly maxDiscardedBytes: number;
  /** Objects and arrays inside each other: below what canonical JSON allows, since content is nested once more. */
  readonly maxJsonDepth: number;
  /** From the first to the last byte of a JSON body. */
  readonly bodyTimeoutMs: number;
  /** From the start of a request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the start of a request to the end of its body, read by us or not; a long poll has long ended by then. */
  readonly requestTimeoutMs: number;
  /** How long a connection may be idle: longer than the 60 s after which proxies close theirs, or requests get lost. */
  readonly keepAliveTimeoutMs: number;
  /** How long a stopping server lets requests finish before it cuts them. */
  readonly stopGraceMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxDiscardedBytes: 16 * 1024 * 1024,
  maxJsonDepth: 100,
  bodyTimeoutMs: 30_000,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 75_000,
  stopGraceMs: 5_000,
};
