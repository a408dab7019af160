import { connect, type Socket } from 'node:net';
import { HttpAnswerReader, type HttpAnswer } from './http-answer.ts';

/** All connections read into the same bytes: a read is looked at before the next one happens. */
const READ_BYTES = 256 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

interface Waiting {
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Where a server listens. */
export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** One keep-alive connection of plain HTTP/1.1 with at most one request in flight, on a bare socket. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #reader = new HttpAnswerReader();
  #waiting: Waiting | undefined;
  #answers = 0;

  constructor(address: HttpAddress) {
    this.#socket = connect({
      ...address,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (bytes) => this.#onRead(bytes) },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Whether another request can be made. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** How many requests it answered. */
  get answers(): number {
    return this.#answers;
  }

  /** Sends a whole request, head and body. Rejects when the connection breaks before the answer is whole. */
  request(text: string, wantsText: boolean): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#reader.expect(wantsText);
      this.#socket.write(text);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onRead(bytes: number): boolean {
    try {
      const answer = this.#reader.read(readBuffer.subarray(0, bytes));
      if (answer === undefined) return true;
      this.#answers += 1;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(answer);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
    return true;
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}
