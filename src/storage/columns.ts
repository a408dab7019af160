/**
 * How one column is sent: as an array of this PostgreSQL type; `hex` and `base64` are text decoded into bytea, `bigints` an
 * array in each row, and `place` a number of positions before the newest one of the stream.
 */
interface Column<Row> {
  readonly type:
    | 'bigint'
    | 'smallint'
    | 'integer'
    | 'text'
    | 'boolean'
    | 'hex'
    | 'base64'
    | 'bigints'
    | 'place';
  readonly of: (row: Row) => string | number | boolean | null;
}

/** The columns of rows that a statement takes, as one array a column. */
export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

type ColumnType = Column<never>['type'];

const SENT_AS: Readonly<Partial<Record<ColumnType, string>>> = {
  hex: 'text',
  base64: 'text',
  bigints: 'text',
  place: 'bigint',
};
const DECODED: Readonly<Partial<Record<ColumnType, (name: string, newest: string) => string>>> = {
  hex: (name) => `decode(${name}, 'hex')`,
  base64: (name) => `decode(${name}, 'base64')`,
  bigints: (name) => `${name}::bigint[]`,
  place: (name, newest) => `${newest} - ${name}`,
};

/** The rows as a source of a statement, called `w`; their parameters are numbered from `first` on. */
export function sourceOf<Row>(columns: Columns<Row>, first: number): string {
  const arrays = Object.values(columns).map(
    ({ type }, index) => `$${first + index}::${SENT_AS[type] ?? type}[]`,
  );
  return `unnest(${arrays.join(', ')}) as w (${Object.keys(columns).join(', ')})`;
}

/** The columns as a table holds them, to be selected from the source; `newest` is the newest position of the stream. */
export function valuesIn<Row>(columns: Columns<Row>, newest: string): string {
  return Object.entries(columns)
    .map(([name, { type }]) => DECODED[type]?.(`w.${name}`, newest) ?? `w.${name}`)
    .join(', ');
}

/** The parameters of the source. */
export function arraysOf<Row>(
  columns: Columns<Row>,
  rows: readonly Row[],
): (string | number | boolean | null)[][] {
  return Object.values(columns).map((column) => rows.map((row) => column.of(row)));
}

/** An insert of any number of rows as one statement: one array a column. */
export interface UnnestedInsert<Row> {
  readonly text: string;
  columnsOf(rows: readonly Row[]): (string | number | boolean | null)[][];
}

/** Writes the statement that inserts rows into `table` from one array a column; `suffix` may add a conflict clause. */
export function unnested<Row>(table: string, columns: Columns<Row>, suffix = ''): UnnestedInsert<Row> {
  return {
    text: `
      insert into ${table} (${Object.keys(columns).join(', ')})
      select ${valuesIn(columns, '(select position from stream)')} from ${sourceOf(columns, 1)} ${suffix}`,
    columnsOf: (rows) => arraysOf(columns, rows),
  };
}
