/**
 * How one column is sent: as an array of this PostgreSQL type; `hex` is text decoded into bytea, and `place` a number of
 * positions before the newest one of the stream.
 */
interface Column<Row> {
  readonly type: 'bigint' | 'smallint' | 'integer' | 'text' | 'boolean' | 'hex' | 'place';
  readonly of: (row: Row) => string | number | boolean | null;
}

const SENT_AS: Readonly<Partial<Record<Column<never>['type'], string>>> = { hex: 'text', place: 'bigint' };
const DECODED: Readonly<Partial<Record<Column<never>['type'], (name: string) => string>>> = {
  hex: (name) => `decode(${name}, 'hex')`,
  place: (name) => `(select position from stream) - ${name}`,
};

/** An insert of any number of rows as one statement: one array a column. */
export interface UnnestedInsert<Row> {
  readonly text: string;
  columnsOf(rows: readonly Row[]): (string | number | boolean | null)[][];
}

/** Writes the statement that inserts rows into `table` from one array a column; `suffix` may add a conflict clause. */
export function unnested<Row>(
  table: string,
  columns: Readonly<Record<string, Column<Row>>>,
  suffix = '',
): UnnestedInsert<Row> {
  const names = Object.keys(columns);
  const described = Object.values(columns);
  const selected = names.map((name, index) => DECODED[described[index]?.type ?? 'text']?.(name) ?? name);
  const arrays = described.map((column, index) => `$${index + 1}::${SENT_AS[column.type] ?? column.type}[]`);
  return {
    text: `
      insert into ${table} (${names.join(', ')})
      select ${selected.join(', ')} from unnest(${arrays.join(', ')}) as w (${names.join(', ')}) ${suffix}`,
    columnsOf: (rows) => described.map((column) => rows.map((row) => column.of(row))),
  };
}
