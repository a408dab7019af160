import assert from 'node:assert/strict';
import { parseUserId } from '../../src/matrix/identifiers.ts';
import { judgeInvite, type InviteVerdict } from '../../src/matrix/invite-permission.ts';
import type { JsonObject } from '../../src/util/json.ts';

const BOB = parseUserId('@bob:example.org');
assert.ok(BOB !== undefined);

/** What a user says in each of the two types, and what becomes of an invite by @bob:example.org. */
const cases: readonly (readonly [filters: JsonObject, permission: JsonObject, InviteVerdict])[] = [
  [{}, {}, 'allow'],
  [{}, { default_action: 'block' }, 'block'],
  [{}, { default_action: 'allow' }, 'allow'],
  [{}, { default_action: true }, 'allow'],
  [{ blocked_users: ['@bob:example.org'] }, {}, 'block'],
  [{ blocked_users: ['@bob:example.or'] }, {}, 'allow'],
  [{ blocked_users: ['@b?b:*'] }, {}, 'block'],
  [{ ignored_users: ['@bob:example.org'] }, {}, 'ignore'],
  [{ blocked_servers: ['example.org'] }, {}, 'block'],
  [{ ignored_servers: ['*.org'] }, {}, 'ignore'],
  [{ blocked_servers: ['*'], allowed_servers: ['example.org'] }, {}, 'allow'],
  [{ blocked_servers: ['*'], allowed_users: ['@bob:*'] }, {}, 'allow'],
  [{ blocked_users: ['@bob:*'], allowed_servers: ['example.org'] }, {}, 'allow'],
  [{ blocked_users: ['@bob:*'], ignored_servers: ['example.org'] }, {}, 'ignore'],
  [{ blocked_users: null, blocked_servers: ['*'], allowed_users: 7 }, {}, 'block'],
  [{ blocked_users: [null, { a: 1 }], blocked_servers: '*' }, {}, 'allow'],
  [{ allowed_users: ['@bob:*'] }, { default_action: 'block' }, 'allow'],
  [{ ignored_users: ['@bob:*'] }, { default_action: 'block' }, 'ignore'],
  [{ allowed_users: ['@carol:*'] }, { default_action: 'block' }, 'block'],
];

describe('the permission to invite', () => {
  for (const [filters, permission, verdict] of cases)
    it(`is to ${verdict} by ${JSON.stringify(filters)} and ${JSON.stringify(permission)}`, () => {
      const contents = new Map<string, unknown>([
        ['org.matrix.msc4155.invite_permission_config', filters],
        ['m.invite_permission_config', permission],
      ]);
      assert.equal(judgeInvite(contents, BOB), verdict);
    });

  it('is to allow where nothing is said, or nothing that could be', () => {
    assert.equal(judgeInvite(new Map(), BOB), 'allow');
    assert.equal(judgeInvite(new Map([['m.invite_permission_config', ['block']]]), BOB), 'allow');
  });
});
