/** One answer of a server, as bytes; it is filled while they arrive. */
export interface HttpAnswer {
  readonly status: number;
  /** The body as text, or nothing of it when nobody wants it. */
  readonly text: string;
}

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;

/**
 * Reads the answers of one connection, one at a time (RFC 9112 with Content-Length or chunks, no trailers):
 *
 *     ──► head ── whole ──► body ── whole ──► (the answer) ──► head
 *
 * The usual answer comes in one piece and is looked at where it lies; only what comes in several is copied, and then
 * only if its text is wanted.
 */
export class HttpAnswerReader {
  #wantsText = false;
  #pieces: Buffer[] = [];
  #status = 0;
  /** How many bytes of the body are still to come; -1 while it comes in chunks, undefined before the head is whole. */
  #missing: number | undefined;

  /** Begins the next answer. */
  expect(wantsText: boolean): void {
    this.#wantsText = wantsText;
    this.#pieces = [];
    this.#missing = undefined;
  }

  /** Takes what arrived, which is overwritten after the call. Answers when the answer is whole. Throws for what is no HTTP. */
  read(arrived: Buffer): HttpAnswer | undefined {
    if (this.#missing === undefined) return this.#readHead(arrived);
    return this.#missing === -1 ? this.#readChunks(arrived) : this.#readBody(arrived, this.#missing);
  }

  #readHead(arrived: Buffer): HttpAnswer | undefined {
    const all = this.#pieces.length === 0 ? arrived : Buffer.concat([...this.#pieces, arrived]);
    const end = all.indexOf(HEAD_END);
    if (end === -1) {
      this.#pieces.push(Buffer.from(arrived));
      return undefined;
    }
    const head = all.toString('latin1', 0, end);
    this.#status = Number(head.slice(9, 12));
    if (!head.startsWith('HTTP/1.1 ') || !(this.#status >= 200))
      throw new Error(`no answer to understand: ${head}`);
    this.#pieces = [];
    const body = all.subarray(end + HEAD_END.length);
    const length = CONTENT_LENGTH.exec(head)?.[1];
    if (length !== undefined) return this.#readBody(body, Number(length));
    if (!CHUNKED.test(head)) throw new Error(`an answer without its length: ${head}`);
    return this.#readChunks(body);
  }

  #readBody(arrived: Buffer, missing: number): HttpAnswer | undefined {
    if (arrived.length > missing) throw new Error('an answer is longer than it says');
    if (arrived.length === missing) return this.#whole(arrived);
    this.#missing = missing - arrived.length;
    if (this.#wantsText) this.#pieces.push(Buffer.from(arrived));
    return undefined;
  }

  #readChunks(arrived: Buffer): HttpAnswer | undefined {
    this.#missing = -1;
    const all = this.#pieces.length === 0 ? arrived : Buffer.concat([...this.#pieces, arrived]);
    // Cheap to see that it is not yet the end; that it is one only the chunks themselves say.
    const body = all.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) ? joinChunks(all) : undefined;
    if (body === undefined) {
      this.#pieces.push(Buffer.from(arrived));
      return undefined;
    }
    this.#pieces = [];
    return this.#whole(body);
  }

  #whole(last: Buffer): HttpAnswer {
    const status = this.#status;
    // What went wrong is always read.
    if (!this.#wantsText && status === 200) return { status, text: '' };
    if (this.#pieces.length === 0) return { status, text: last.toString() };
    return { status, text: Buffer.concat([...this.#pieces, last]).toString() };
  }
}

/** What the chunks hold; undefined when the last one is not there. */
function joinChunks(all: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = all.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(all.toString('latin1', at, lineEnd), 16);
    const start = lineEnd + 2;
    if (Number.isNaN(size)) throw new Error('a chunk does not say how long it is');
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(all.subarray(start, start + size));
    at = start + size + 2;
  }
}
