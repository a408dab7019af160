import { z } from 'zod';
import type { PresenceBoard } from '../ephemeral/presence.ts';
import type { Typing } from '../ephemeral/typing.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { oldPath } from './room-fields.ts';

export interface TypingEndpointDeps {
  readonly typing: Pick<Typing, 'set'>;
  readonly presenceBoard: Pick<PresenceBoard, 'noteActivity'>;
}

const TYPING = '/_matrix/client/v3/rooms/{roomId}/typing/{userId}';
/** What clients that name no time are taken to mean. */
const TIMEOUT_BY_DEFAULT_MS = 30_000;

const setTyping = endpoint({
  name: 'setTyping',
  method: 'PUT',
  path: TYPING,
  alsoAt: [oldPath(TYPING)],
  auth: 'user',
  rateLimit: 'write',
  body: z.object({ typing: z.boolean(), timeout: z.int().min(0).default(TIMEOUT_BY_DEFAULT_MS) }),
  handle: async (deps: TypingEndpointDeps, { params, body, requester }) => {
    await deps.typing.set(requester, { ...params, timeoutMs: body.typing ? body.timeout : undefined });
    if (body.typing) await deps.presenceBoard.noteActivity(requester.userNid);
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#typing-notifications */
export const typingEndpoints: readonly Endpoint<TypingEndpointDeps>[] = [setTyping];
