import assert from 'node:assert/strict';
import {
  historyVisibilityIn,
  mayReadEvent,
  type HistoryVisibility,
} from '../../src/matrix/history-visibility.ts';
import type { Membership } from '../../src/matrix/power-levels.ts';

describe('history visibility', () => {
  /** Who may read: a membership at the event, with + when they joined later. */
  const readers: Record<HistoryVisibility, readonly string[]> = {
    world_readable: [
      'none',
      'none+',
      'join',
      'join+',
      'invite',
      'invite+',
      'knock',
      'knock+',
      'leave',
      'leave+',
      'ban',
      'ban+',
    ],
    shared: ['none+', 'join', 'join+', 'invite+', 'knock+', 'leave+', 'ban+'],
    invited: ['join', 'join+', 'invite', 'invite+'],
    joined: ['join', 'join+'],
  };
  const memberships: readonly (Membership | undefined)[] = [
    undefined,
    'join',
    'invite',
    'knock',
    'leave',
    'ban',
  ];

  for (const visibility of ['world_readable', 'shared', 'invited', 'joined'] as const) {
    it(`${visibility} lets read ${readers[visibility].join(', ')}, and nobody else`, () => {
      const allowed = memberships.flatMap((membership) =>
        [false, true]
          .filter((joinedLater) => mayReadEvent({ visibility, membership, joinedLater }))
          .map((joinedLater) => `${membership ?? 'none'}${joinedLater ? '+' : ''}`),
      );
      assert.deepEqual(allowed, readers[visibility]);
    });
  }

  it('is shared where nothing, or nothing known, is set', () => {
    assert.equal(historyVisibilityIn(undefined), 'shared');
    assert.equal(historyVisibilityIn({}), 'shared');
    assert.equal(historyVisibilityIn({ history_visibility: 'secret' }), 'shared');
    assert.equal(historyVisibilityIn({ history_visibility: 'joined' }), 'joined');
  });
});
