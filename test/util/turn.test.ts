import assert from 'node:assert/strict';
import { Turn } from '../../src/util/turn.ts';
import { countTurnsOfOthers } from '../support/count-turns.ts';

function workFor(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}

describe('a turn of long work', () => {
  it('ends once it has lasted long, and lets others have theirs each time', async () => {
    const others = await countTurnsOfOthers(async () => {
      const turn = new Turn();
      for (let step = 0; step < 10; step++) {
        workFor(6);
        if (turn.isOver) await turn.end();
      }
    });
    assert.ok(others >= 10, `others had ${others} turns`);
  });

  it('goes on while it is short', () => {
    // Of many, one may be interrupted by what else the machine does.
    const turns = Array.from({ length: 20 }, () => new Turn().isOver);
    assert.ok(turns.includes(false));
  });
});
