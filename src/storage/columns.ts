/** How one column is sent: as an array of this PostgreSQL type; `hex` is text decoded into bytea. */
interface Column<Row> {
  readonly type: 'bigint' | 'smallint' | 'integer' | 'text' | 'boolean' | 'hex';
  readonly of: (row: Row) => string | number | boolean | null;
}

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
  const selected = names.map((name, index) =>
    described[index]?.type === 'hex' ? `decode(${name}, 'hex')` : name,
  );
  const arrays = described.map(
    (column, index) => `$${index + 1}::${column.type === 'hex' ? 'text' : column.type}[]`,
  );
  return {
    text: `
      insert into ${table} (${names.join(', ')})
      select ${selected.join(', ')} from unnest(${arrays.join(', ')}) as w (${names.join(', ')}) ${suffix}`,
    columnsOf: (rows) => described.map((column) => rows.map((row) => column.of(row))),
  };
}
