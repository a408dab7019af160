import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { cancelFuture, refreshFuture, sendAlternative, type Managed } from '../../src/futures/manage.ts';
import type { Requester } from '../../src/http/endpoint.ts';
import { MatrixError } from '../../src/matrix/errors.ts';
import {
  FUTURE_EVENTS,
  FUTURE_LIFE,
  FUTURE_STATUSES,
  type FutureEvent,
  type FutureStatus,
} from '../../src/matrix/futures.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { allotPositions, inTransaction } from '../../src/storage/database.ts';
import { purgeFuturesOfUser } from '../../src/storage/future-updates.ts';
import { call, createFutureWorld, type FutureWorld } from './future-world.ts';

const TIMEOUT_MS = 10_000;

/** A future of Bob's in a room of Alice's, with all that can happen to it. */
class Subject {
  readonly #world: FutureWorld;
  readonly #alice: Requester;
  readonly #bob: Requester;
  readonly #roomId: RoomId;
  readonly #token: string;
  readonly #tokenId: string;
  isPowerful = true;

  constructor(world: FutureWorld, users: readonly [Requester, Requester], roomId: RoomId, token: string) {
    this.#world = world;
    [this.#alice, this.#bob] = users;
    this.#roomId = roomId;
    this.#token = token;
    this.#tokenId = Buffer.from(token, 'base64url').subarray(0, 16).toString('base64url');
  }

  static async make(world: FutureWorld, name: string): Promise<Subject> {
    const alice = await world.user('alice');
    const bob = await world.user(`bob-${name}`);
    const roomId = await world.room(alice, [bob]);
    await world.setPowers(roomId, alice, [bob]);
    const token = await world.create(bob, roomId, {
      timeout_ms: TIMEOUT_MS,
      send_now: call('bob', { now: true }),
      send_on_timeout: call('bob', { by: 'timeout' }),
      send_on_action: { a: call('bob', { by: 'a' }), b: call('bob', { by: 'b' }) },
    });
    return new Subject(world, [alice, bob], roomId, token);
  }

  get future(): ReturnType<FutureWorld['stored']> {
    return this.#world.stored(this.#token);
  }

  /** What the alternatives that are in the room say. */
  async sent(): Promise<unknown[]> {
    const timeline = await this.#world.timeline(this.#roomId);
    return timeline.flatMap((event) =>
      event.type === 'org.example.call' ? (event.content['by'] ?? []) : [],
    );
  }

  refresh = () => refreshFuture(this.#world.deps, this.#handle());
  cancel = () => cancelFuture(this.#world.deps, this.#handle());
  send = (name: string) =>
    sendAlternative(this.#world.deps, this.#handle(), ({ trigger }) => trigger === `action:${name}`);
  supersede = () =>
    this.#world.setState(this.#roomId, this.#alice, 'org.example.call', 'bob', {
      at: this.#world.deps.random.bytes(8).toString('hex'),
    });
  advance = (byMs: number) => this.#world.advance(byMs);

  async setPower(isPowerful: boolean): Promise<void> {
    this.isPowerful = isPowerful;
    await this.#world.setPowers(this.#roomId, this.#alice, isPowerful ? [this.#bob] : []);
  }

  async deactivate(): Promise<void> {
    await inTransaction(this.#world.deps.db, async (tx) => {
      await allotPositions(tx, 1);
      await purgeFuturesOfUser(tx, this.#bob.userNid, this.#world.clock.nowMs());
    });
  }

  #handle(): Parameters<typeof refreshFuture>[1] {
    return { name: { tokenId: this.#tokenId }, ownerNid: undefined };
  }
}

/** How an asked for event was answered, in the words of the table. */
async function answerOf(asked: Promise<Managed<object>>): Promise<string> {
  try {
    const managed = await asked;
    return managed.kind === 'ended' ? 'gone' : managed.kind;
  } catch (error) {
    if (error instanceof MatrixError && error.status === 403) return 'refused';
    throw error;
  }
}

/** Makes an event happen; what is not asked for has no answer. */
const HAPPENINGS: { readonly [Event in FutureEvent]: (subject: Subject) => Promise<string | undefined> } = {
  refresh: (subject) => answerOf(subject.refresh()),
  timeout: async (subject) => {
    await subject.advance(TIMEOUT_MS);
    return undefined;
  },
  'timeout-refused': async (subject) => {
    await subject.setPower(false);
    await subject.advance(TIMEOUT_MS);
    return undefined;
  },
  send: (subject) => answerOf(subject.send('a')),
  'send-refused': async (subject) => {
    await subject.setPower(false);
    return answerOf(subject.send('a'));
  },
  cancel: (subject) => answerOf(subject.cancel()),
  supersede: async (subject) => {
    await subject.supersede();
    return undefined;
  },
  deactivate: async (subject) => {
    await subject.deactivate();
    return undefined;
  },
};

const INTO: { readonly [Status in FutureStatus]: (subject: Subject) => Promise<unknown> } = {
  pending: async () => undefined,
  sent: (subject) => subject.send('a'),
  superseded: (subject) => subject.supersede(),
  cancelled: (subject) => subject.cancel(),
  failed: (subject) => HAPPENINGS['timeout-refused'](subject),
};

describe('every cell of the life of a future, on the database', () => {
  let world: FutureWorld;

  before(async () => {
    world = await createFutureWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const status of FUTURE_STATUSES) {
    for (const event of FUTURE_EVENTS) {
      const { next, answer } = FUTURE_LIFE[status][event];
      it(`${event} on a ${status} future leaves it ${next}`, async () => {
        const subject = await Subject.make(world, `${status}-${event}`);
        await INTO[status](subject);
        assert.equal((await subject.future).status, status);
        const said = await HAPPENINGS[event](subject);
        assert.equal((await subject.future).status, next);
        if (said === undefined) return;
        // A refused action on a future that has ended is not even decided.
        const expected =
          event === 'send-refused' && status !== 'pending' ? FUTURE_LIFE[status].send.answer : answer;
        assert.equal(said, expected.startsWith('repeat') ? 'done' : expected);
      });
    }
  }

  it('another alternative than the one that was sent is gone', async () => {
    const subject = await Subject.make(world, 'other');
    await subject.send('a');
    assert.equal(await answerOf(subject.send('b')), 'gone');
  });
});

type Step =
  | { readonly kind: 'refresh' | 'cancel' | 'supersede' | 'deactivate' }
  | { readonly kind: 'send'; readonly name: string }
  | { readonly kind: 'advance'; readonly byMs: number }
  | { readonly kind: 'power'; readonly isPowerful: boolean };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'refresh' }) },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 9_000 }).map((byMs): Step => ({ kind: 'advance', byMs })),
  },
  { weight: 2, arbitrary: fc.constantFrom('a', 'b').map((name): Step => ({ kind: 'send', name })) },
  { weight: 2, arbitrary: fc.boolean().map((isPowerful): Step => ({ kind: 'power', isPowerful })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>({ kind: 'cancel' }, { kind: 'supersede' }, { kind: 'deactivate' }),
  },
);

/** What the table says of a sequence of steps. */
class Model {
  status: FutureStatus = 'pending';
  sent: string | undefined;
  isPowerful = true;
  #deadlineMs: number;
  #nowMs = 0;

  constructor() {
    this.#deadlineMs = TIMEOUT_MS;
  }

  take(step: Step): string | undefined {
    switch (step.kind) {
      case 'power':
        this.isPowerful = step.isPowerful;
        return undefined;
      case 'advance':
        this.#nowMs += step.byMs;
        if (this.status === 'pending' && this.#nowMs >= this.#deadlineMs) {
          if (this.isPowerful) this.sent = 'timeout';
          this.#happen(this.isPowerful ? 'timeout' : 'timeout-refused');
        }
        return undefined;
      case 'refresh':
        if (this.status === 'pending') this.#deadlineMs = this.#nowMs + TIMEOUT_MS;
        return this.#happen('refresh');
      case 'send': {
        const isSame = this.sent === step.name;
        if (this.status !== 'pending') {
          const answer = this.#happen('send');
          return answer === 'repeat-if-same' ? (isSame ? 'done' : 'gone') : answer;
        }
        if (!this.isPowerful) return this.#happen('send-refused');
        this.sent = step.name;
        return this.#happen('send');
      }
      default: {
        const answer = this.#happen(step.kind);
        return step.kind === 'cancel' ? (answer === 'repeat' ? 'done' : answer) : undefined;
      }
    }
  }

  #happen(event: FutureEvent): string {
    const { next, answer } = FUTURE_LIFE[this.status][event];
    this.status = next;
    return answer;
  }
}

async function perform(subject: Subject, step: Step): Promise<string | undefined> {
  switch (step.kind) {
    case 'advance':
      await subject.advance(step.byMs);
      return undefined;
    case 'power':
      await subject.setPower(step.isPowerful);
      return undefined;
    case 'send':
      return answerOf(subject.send(step.name));
    default:
      return HAPPENINGS[step.kind](subject);
  }
}

describe('any sequence of what can happen to a future', () => {
  it('leads where the table says, and sends at most one alternative', async function () {
    this.timeout(60_000);
    await using world = await createFutureWorld({ config: { maxDelayedEvents: 10_000 } });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 14 }), async (sequence) => {
        count += 1;
        const subject = await Subject.make(world, `sequence-${count}`);
        const model = new Model();
        for (const step of sequence) {
          const expected = model.take(step);
          assert.equal(await perform(subject, step), expected, JSON.stringify(step));
          assert.equal((await subject.future).status, model.status, JSON.stringify(step));
        }
        assert.deepEqual(await subject.sent(), model.sent === undefined ? [] : [model.sent]);
      }),
      { numRuns: 80 },
    );
  });
});
