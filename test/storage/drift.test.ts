import assert from 'node:assert/strict';
import { createTestDatabase } from '../support/database.ts';
import { catalogTables, declaredTables, differences, parseTables } from '../support/table-interfaces.ts';

describe('the declared tables', () => {
  it('are those of the migrated database, column by column', async () => {
    await using test = await createTestDatabase();
    assert.deepEqual(differences(await declaredTables(), await catalogTables(test.database)), []);
  });

  it('differ once a column is added, removed or allows null, or a table appears', async () => {
    await using test = await createTestDatabase();
    await test.database.pool.query(`
      alter table users add column extra text;
      alter table stream drop column position;
      alter table users alter column user_id drop not null;
      create table surprise (one integer not null);`);
    assert.deepEqual(differences(await declaredTables(), await catalogTables(test.database)), [
      'stream.position: declared not null, in the database absent',
      'surprise.one: declared absent, in the database not null',
      'users.extra: declared absent, in the database null',
      'users.user_id: declared not null, in the database null',
    ]);
  });

  it('are read from interfaces, comments and broken lines included', () => {
    const source = `
      /** Not a field: readonly fake: string; */
export interface ThingTable {
  readonly thing_nid: Generated<number>; // null here says nothing
  readonly note:
    | string
    | null;
}
export interface ThingTables {
  things: ThingTable;
}
export interface Tables extends ThingTables {}
`;
    assert.deepEqual(
      parseTables([source]),
      new Map([
        [
          'things',
          new Map([
            ['thing_nid', 'not null'],
            ['note', 'null'],
          ]),
        ],
      ]),
    );
  });

  it('are refused in a form that could hide a column', () => {
    const optional = 'export interface ATable {\n  readonly one?: string;\n}\n';
    assert.throws(() => parseTables([optional]), /ATable: cannot read "readonly one\?: string"/);
    const unlisted = 'export interface ATable {\n  readonly one: string;\n}\n';
    assert.throws(() => parseTables([unlisted]), /no table has the columns of ATable/);
    const foreign = 'export interface ATables {\n  a: Omit<BTable, "c">;\n}\n';
    assert.throws(() => parseTables([foreign]), /a is a Omit<BTable, "c">/);
  });
});
