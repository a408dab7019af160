import assert from 'node:assert/strict';
import { Roster } from '../../src/util/roster.ts';

describe('a roster', () => {
  it('holds who has come and not left, whoever leaves first', () => {
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const order of orders) {
      const roster = new Roster<number>();
      const memberships = [0, 1, 2].map((member) => roster.add(member));
      const left = new Set<number>();
      for (const member of order) {
        memberships[member]?.leave();
        left.add(member);
        assert.deepEqual(
          [...roster].toSorted((a, b) => a - b),
          [0, 1, 2].filter((one) => !left.has(one)),
        );
        assert.equal(roster.size, 3 - left.size);
      }
    }
  });

  it('does nothing when somebody leaves twice, though their place is taken', () => {
    const roster = new Roster<string>();
    const first = roster.add('a');
    roster.add('b');
    first.leave();
    first.leave();
    roster.add('c');
    first.leave();
    assert.deepEqual([...roster], ['b', 'c']);
  });

  it('holds a member as often as it was added', () => {
    const roster = new Roster<string>();
    const [one] = [roster.add('a'), roster.add('a')];
    one.leave();
    assert.deepEqual([...roster], ['a']);
  });

  it('is gone through as it was at the beginning', () => {
    const roster = new Roster<string>();
    const memberships = ['a', 'b', 'c'].map((member) => roster.add(member));
    const seen: string[] = [];
    for (const member of roster) {
      for (const membership of memberships) membership.leave();
      roster.add('late');
      seen.push(member);
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });
});
