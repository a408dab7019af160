import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Database } from '../../src/storage/database.ts';

/** A table as `column` or `column null` by name; the catalog and the sources are both brought into this form. */
export type Columns = ReadonlyMap<string, ReadonlyMap<string, 'null' | 'not null'>>;

const STORAGE = fileURLToPath(new URL('../../src/storage/', import.meta.url));

/** The table interfaces of all storage files. Types vanish at run time, so that the text is read. */
export async function declaredTables(): Promise<Columns> {
  const names = (await readdir(STORAGE)).filter((name) => name.endsWith('.ts'));
  return parseTables(await Promise.all(names.map((name) => readFile(`${STORAGE}${name}`, 'utf8'))));
}

/**
 * Finds `interface XTable { readonly column: Type }` for rows and `interface XTables { table: XTable }` for names; `Tables`
 * itself may hold names too. Throws where a declaration is not of this form, so that nothing escapes the comparison.
 */
export function parseTables(sources: readonly string[]): Columns {
  const rows = new Map<string, ReadonlyMap<string, 'null' | 'not null'>>();
  const names = new Map<string, string>();
  for (const source of sources) {
    for (const { name, fields } of interfacesOf(source)) {
      if (name.endsWith('Table')) {
        rows.set(
          name,
          new Map(fields.map(({ key, type }) => [key, /\bnull\b/.test(type) ? 'null' : 'not null'])),
        );
      } else {
        for (const { key, type } of fields) names.set(key, type);
      }
    }
  }
  const used = new Set(names.values());
  const unused = [...rows.keys()].filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`no table has the columns of ${unused.join(', ')}`);
  return new Map(
    [...names].map(([table, type]) => {
      const columns = rows.get(type);
      if (columns === undefined) throw new Error(`${table} is a ${type}, which is no exported interface`);
      return [table, columns];
    }),
  );
}

interface Field {
  readonly key: string;
  readonly type: string;
}

function interfacesOf(source: string): { readonly name: string; readonly fields: readonly Field[] }[] {
  const code = source.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/\/\/.*/g, '');
  return [...code.matchAll(/^export interface (\w*Tables?)\b[^{]*\{([^}]*)\}/gm)].map(
    ([, name = '', body = '']) => ({
      name,
      fields: body
        .split(';')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .map((part) => fieldOf(name, part)),
    }),
  );
}

function fieldOf(name: string, part: string): Field {
  const [, key, type] = /^(?:readonly\s+)?(\w+)\s*:\s*([^]+)$/.exec(part) ?? [];
  if (key === undefined || type === undefined) throw new Error(`${name}: cannot read "${part}"`);
  return { key, type };
}

/** What the migrated database really holds, without the ledger of migrations. */
export async function catalogTables({ pool }: Database): Promise<Columns> {
  const { rows } = await pool.query<{ table: string; column: string; nullable: boolean }>(`
    select table_name as table, column_name as column, is_nullable = 'YES' as nullable
    from information_schema.columns
    where table_schema = 'public' and table_name <> 'migrations'`);
  const tables = new Map<string, Map<string, 'null' | 'not null'>>();
  for (const { table, column, nullable } of rows) {
    const columns = tables.get(table) ?? new Map<string, 'null' | 'not null'>();
    tables.set(table, columns.set(column, nullable ? 'null' : 'not null'));
  }
  return tables;
}

/** Each difference as a line such as `users.user_id: declared not null, in the database null`. */
export function differences(declared: Columns, catalog: Columns): readonly string[] {
  const flat = (tables: Columns): Map<string, string> =>
    new Map(
      [...tables].flatMap(([table, columns]) =>
        [...columns].map(([column, kind]) => [`${table}.${column}`, kind]),
      ),
    );
  const [code, database] = [flat(declared), flat(catalog)];
  return [...new Set([...code.keys(), ...database.keys()])]
    .sort()
    .filter((name) => code.get(name) !== database.get(name))
    .map(
      (name) =>
        `${name}: declared ${code.get(name) ?? 'absent'}, in the database ${database.get(name) ?? 'absent'}`,
    );
}
