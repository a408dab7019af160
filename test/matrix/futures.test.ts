import assert from 'node:assert/strict';
import { FUTURE_EVENTS, FUTURE_LIFE, FUTURE_STATUSES } from '../../src/matrix/futures.ts';

describe('the life of a future', () => {
  it('has a cell for every state and every event', () => {
    for (const status of FUTURE_STATUSES) {
      assert.deepEqual(Object.keys(FUTURE_LIFE[status]).toSorted(), FUTURE_EVENTS.toSorted());
    }
  });

  it('never leaves a state that is an end', () => {
    for (const status of FUTURE_STATUSES.filter((status) => status !== 'pending')) {
      for (const event of FUTURE_EVENTS) {
        const { next, answer } = FUTURE_LIFE[status][event];
        assert.equal(next, status, `${event} on ${status}`);
        assert.notEqual(answer, 'done', `${event} on ${status}`);
      }
    }
  });

  it('ends in whatever happens to it but a refresh and a refusal that may pass', () => {
    const ends = FUTURE_EVENTS.map((event) => [event, FUTURE_LIFE.pending[event].next]);
    assert.deepEqual(Object.fromEntries(ends), {
      refresh: 'pending',
      timeout: 'sent',
      'timeout-refused': 'failed',
      send: 'sent',
      'send-refused': 'pending',
      cancel: 'cancelled',
      supersede: 'superseded',
      deactivate: 'cancelled',
    });
  });

  it('agrees with who asks again for what has happened, and only with those', () => {
    const agreed = FUTURE_STATUSES.flatMap((status) =>
      FUTURE_EVENTS.filter((event) => FUTURE_LIFE[status][event].answer.startsWith('repeat')).map(
        (event) => `${event} on ${status}`,
      ),
    );
    assert.deepEqual(agreed, ['send on sent', 'cancel on cancelled']);
  });

  it('tells everyone else who asks that it is gone, and nobody who did not ask', () => {
    const asked = ['refresh', 'send', 'cancel'] as const;
    for (const status of FUTURE_STATUSES.filter((status) => status !== 'pending')) {
      for (const event of FUTURE_EVENTS) {
        const { answer } = FUTURE_LIFE[status][event];
        const expected = asked.some((name) => name === event)
          ? ['gone', 'repeat', 'repeat-if-same']
          : event === 'send-refused'
            ? ['refused']
            : ['ignored'];
        assert.ok(expected.includes(answer), `${event} on ${status} answers ${answer}`);
      }
    }
  });
});
