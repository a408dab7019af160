import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { LiveCalls } from '../../src/http/live-calls.ts';

describe('the signal of a call', () => {
  const respond = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()));

  it('is aborted when the client goes away, also for who asks only then', () => {
    const calls = new LiveCalls();
    const [response, other] = [respond(), respond()];
    const [early, late] = [calls.begin(response), calls.begin(other)];
    const { signal } = early;
    assert.equal(signal.aborted, false);
    response.emit('close');
    other.emit('close');
    assert.deepEqual([signal.aborted, String(signal.reason)], [true, String(late.signal.reason)]);
    assert.match(String(late.signal.reason), /ClientGone/);
    assert.equal(calls.open, 0);
  });

  it('is aborted when the server stops, for that reason also when the client goes away then', () => {
    const calls = new LiveCalls();
    const response = respond();
    const call = calls.begin(response);
    calls.stop();
    response.emit('close');
    assert.match(String(call.signal.reason), /stopping/);
    assert.throws(() => calls.begin(respond()), /stopping/);
  });
});
