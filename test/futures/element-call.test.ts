import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';
import type { TestUser } from '../support/server.ts';
import { C, refusalOf, startFutureServer, textIn, UNSTABLE, type FutureServer } from './future-server.ts';

const TYPE = 'org.matrix.msc3401.call.member';
const LEAVE_AFTER_MS = 8_000;
const RESTART_EVERY_MS = 5_000;

/** What a client does to be in a call: announces its leave for later, joins, and says again and again that it is there. */
class Caller {
  readonly #server: FutureServer;
  readonly #user: TestUser;
  readonly #statePath: string;
  delayId = '';

  constructor(server: FutureServer, user: TestUser, roomId: string) {
    this.#server = server;
    this.#user = user;
    const key = encodeURIComponent(`_${user.userId}_${user.deviceId}_m.call`);
    this.#statePath = `${C}/rooms/${encodeURIComponent(roomId)}/state/${TYPE}/${key}`;
  }

  async join(): Promise<void> {
    const path = `${this.#statePath}?org.matrix.msc4140.delay=${LEAVE_AFTER_MS}`;
    const scheduled = await this.#server.ask('PUT', path, this.#user, {});
    this.delayId = textIn(scheduled.body, 'delay_id');
    const joined = await this.#server.ask('PUT', this.#statePath, this.#user, {
      application: 'm.call',
      call_id: '',
      scope: 'm.room',
      device_id: this.#user.deviceId,
      expires: 14_400_000,
      focus_active: { type: 'livekit', focus_selection: 'oldest_membership' },
      foci_preferred: [],
    });
    assert.equal(joined.status, 200);
  }

  restart = () => this.#manage('restart');
  leave = () => this.#manage('send');
  cancel = () => this.#manage('cancel');

  /** What the room says of this caller: `{}` once it has left. */
  membership(): Promise<JsonObject> {
    return this.#server.get(this.#statePath, this.#user);
  }

  #manage(action: string): ReturnType<FutureServer['ask']> {
    return this.#server.ask('POST', `${UNSTABLE}/delayed_events/${this.delayId}/${action}`, this.#user);
  }
}

describe('a caller in an Element Call (82)', () => {
  let server: FutureServer;
  let caller: Caller;

  before(async () => {
    server = await startFutureServer();
  });
  let count = 0;
  beforeEach(async () => {
    count += 1;
    const user = await server.user(`caller${count}`);
    caller = new Caller(server, user, await server.room(user));
    await caller.join();
  });
  after(() => server[Symbol.asyncDispose]());

  const stayFor = async (restarts: number): Promise<void> => {
    for (let done = 0; done < restarts; done += 1) {
      assert.equal((await caller.restart()).status, 200);
      await server.advance(RESTART_EVERY_MS);
    }
  };

  it('finds what it needs announced', async () => {
    const { body } = await server.ask('GET', '/_matrix/client/versions');
    const features = body['unstable_features'];
    assert.ok(isJsonObject(features));
    assert.equal(features['org.matrix.msc4140'], true);
    assert.equal(features['org.matrix.msc4143'], true);
  });

  it('stays as long as it says so: its own state does not cancel its leave', async () => {
    await stayFor(20);
    assert.equal((await caller.membership())['application'], 'm.call');
  });

  it('has left when it crashes, as late as it had said before', async () => {
    await stayFor(3);
    await server.advance(LEAVE_AFTER_MS - RESTART_EVERY_MS - 1);
    assert.equal((await caller.membership())['application'], 'm.call');
    await server.advance(1);
    assert.deepEqual(await caller.membership(), {});
  });

  it('leaves at once when it says so, and is told so again', async () => {
    await stayFor(1);
    assert.equal((await caller.leave()).status, 200);
    assert.deepEqual(await caller.membership(), {});
    assert.equal((await caller.leave()).status, 200);
    assert.deepEqual(refusalOf(await caller.restart()), [404, 'M_NOT_FOUND']);
    assert.deepEqual(refusalOf(await caller.cancel()), [404, 'M_NOT_FOUND']);
  });

  it('comes back after its leave was sent behind its back', async () => {
    await server.advance(LEAVE_AFTER_MS);
    assert.deepEqual(refusalOf(await caller.restart()), [404, 'M_NOT_FOUND']);
    await caller.join();
    await stayFor(3);
    assert.equal((await caller.membership())['application'], 'm.call');
    assert.equal((await caller.cancel()).status, 200);
    await server.advance(LEAVE_AFTER_MS);
    assert.equal((await caller.membership())['application'], 'm.call');
  });

  it('may be looked after by a service that has the id and nothing else (83)', async () => {
    const delegate = (action: string): ReturnType<FutureServer['ask']> =>
      server.ask('POST', `${UNSTABLE}/delayed_events/${caller.delayId}/${action}`, undefined, {});
    for (let done = 0; done < 5; done += 1) {
      assert.equal((await delegate('restart')).status, 200);
      await server.advance(LEAVE_AFTER_MS * 0.8);
    }
    assert.equal((await delegate('send')).status, 200);
    assert.deepEqual(await caller.membership(), {});
  });
});
