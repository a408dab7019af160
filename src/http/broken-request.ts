import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { MatrixError, requestTimedOut, tooLarge, unknownError } from '../matrix/errors.ts';
import { corsHeaders } from './cors.ts';

/**
 * Answers what is no request, on its connection, and closes that: nobody could say where another request begins.
 * Nothing is written after the beginning of an answer to an earlier request, `answering` being those that are under way.
 */
export function refuseBrokenRequest(
  error: Error & { readonly code?: string },
  connection: Duplex,
  answering: Iterable<ServerResponse>,
): void {
  const isHalfAnswered = [...answering].some(
    (response) => response.socket === connection && response.headersSent,
  );
  if (connection.writable && error.code !== 'ECONNRESET' && !isHalfAnswered)
    connection.write(formatRefusal(refusalOf(error.code)));
  connection.destroy();
}

/** In the names that node's parser has for what is wrong. */
function refusalOf(code: string | undefined): MatrixError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new MatrixError(431, tooLarge('').errcode, 'The request line and the headers are too long');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return tooLarge('The extensions of a chunk are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimedOut('The request took too long to arrive');
    default:
      return unknownError('The request is not valid HTTP');
  }
}

function formatRefusal(refusal: MatrixError): string {
  const body = JSON.stringify(refusal.toBody());
  const headers = {
    ...corsHeaders,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`;
}
