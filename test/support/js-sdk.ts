import {
  ClientEvent,
  createClient,
  SyncState,
  type ICreateClientOpts,
  type IStartClientOpts,
  type MatrixClient,
  type Room,
} from 'matrix-js-sdk';
import type { LivekitFocus, LivekitFocusActive } from 'matrix-js-sdk/lib/matrixrtc/LivekitFocus.js';
import { MatrixRTCSession, type JoinSessionConfig } from 'matrix-js-sdk/lib/matrixrtc/MatrixRTCSession.js';
import type { LiveTestServer, TestUser } from './server.ts';
import { checkedFetch } from './spec-check.ts';

/** How long the leave event of a crashed device may take to be written. */
export const LEAVE_DELAY_MS = 4_000;
export const KEEP_ALIVE_MS = 800;

/** A client of matrix-js-sdk that can lose its network. */
export interface CrashableClient {
  readonly client: MatrixClient;
  /** Cuts the device off from the network, in the middle of whatever it does. */
  readonly crash: () => void;
}

/** A client for somebody who is logged in; it does nothing before {@link startSyncing}. */
export function makeClient(
  server: Pick<LiveTestServer, 'baseUrl'>,
  user: TestUser,
  options: Partial<ICreateClientOpts> = {},
): CrashableClient {
  let isCrashed = false;
  const client = createClient({
    baseUrl: server.baseUrl,
    ...user,
    ...options,
    // After the crash nothing leaves the device any more; that answer makes the SDK give up at once.
    fetchFn: (input, init) =>
      isCrashed
        ? Promise.resolve(Response.json({ errcode: 'M_UNKNOWN_TOKEN', error: 'crashed' }, { status: 401 }))
        : checkedFetch(input, init),
  });
  return { client, crash: () => void (isCrashed = true) };
}

/** Starts a client and waits for its first sync. */
export async function startSyncing(client: MatrixClient, options: IStartClientOpts): Promise<void> {
  const ready = new Promise<void>((resolve) => {
    client.on(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) resolve();
    });
  });
  await client.startClient(options);
  await ready;
}

/** Who is in the call of a room, as the client that the room belongs to sees it. */
export function callMembersIn(room: Room): string[] {
  return MatrixRTCSession.callMembershipsForRoom(room).flatMap(({ sender }) => sender ?? []);
}

/** Joins the call of a room, with a leave event that is put off by heartbeats. */
export function joinCallIn(room: Room, more: JoinSessionConfig): MatrixRTCSession {
  const session = room.client.matrixRTC.getRoomSession(room);
  const focus: LivekitFocus = {
    type: 'livekit',
    livekit_service_url: 'https://call.example.org',
    livekit_alias: room.roomId,
  };
  const active: LivekitFocusActive = { type: 'livekit', focus_selection: 'oldest_membership' };
  session.joinRoomSession([focus], active, {
    useNewMembershipManager: true,
    membershipServerSideExpiryTimeout: LEAVE_DELAY_MS,
    membershipKeepAlivePeriod: KEEP_ALIVE_MS,
    ...more,
  });
  return session;
}
