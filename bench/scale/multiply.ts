/** Makes many runs of one: every row that it has in any table, again and again, with other ids, times and search attributes. */
import type pg from "pg";

/** What stands in the rows of a run and is another for each that is made of it. */
export interface Name {
  /** As the rows have it: in texts, and as bytes in messages. */
  readonly text: string;
  readonly bytes: Buffer;
  /** The SQL of what comes in its place, of a row `s` of the seeds. Bytes come as hexadecimal digits, and as many as before. */
  readonly inText: string;
  readonly inBytes: string;
}

/** What is made of what. */
export interface Multiplication {
  /** A table with a row for each run that is made: `run_id`, `shift` (microseconds to add to every time), and what the names say. */
  readonly seeds: string;
  readonly runId: string;
  readonly names: readonly Name[];
}

/** What a table got. */
export interface Made {
  readonly table: string;
  readonly rows: number;
  readonly seconds: number;
}

/** Multiplies a run. */
export async function multiplyRun(client: pg.Client, multiplication: Multiplication): Promise<Made[]> {
  const made: Made[] = [];
  for (const { table, columns } of await listTables(client)) {
    const texts = columns.map(({ name }) => `${name}::text as ${name}`).join(", ");
    const rows = await client.query<Row>(`select ${texts} from ${table} where run_id = $1`, [
      multiplication.runId,
    ]);
    if (rows.rows.length === 0) continue;
    const begin = performance.now();
    const { rowCount } = await client.query(insertion(table, columns, rows.rows, multiplication));
    made.push({ table, rows: rowCount ?? 0, seconds: (performance.now() - begin) / 1_000 });
  }
  return made;
}

type Row = Record<string, string | null>;

interface Column {
  readonly name: string;
  readonly type: string;
}

/** All tables that have rows of runs. */
async function listTables(client: pg.Client): Promise<{ table: string; columns: Column[] }[]> {
  const { rows } = await client.query<{ table: string; columns: Column[] }>(
    `select c.relname as table, json_agg(json_build_object('name', a.attname, 'type', a.atttypid::regtype)) as columns
       from pg_class c
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      group by c.oid
     having bool_or(a.attname = 'run_id')
      order by c.relname`,
  );
  return rows;
}

function insertion(
  table: string,
  columns: readonly Column[],
  rows: readonly Row[],
  { seeds, runId, names }: Multiplication,
): string {
  const values = columns.map((column) => {
    const stored = rows.map((row) => row[column.name]).filter((value) => typeof value === "string");
    return expressionOf(column, stored, names);
  });
  return `
    with t as materialized (select * from ${table} where run_id = '${runId}')
    insert into ${table} (${columns.map(({ name }) => name).join(", ")})
    select ${values.join(", ")}
    from ${seeds} s
    cross join t`;
}

/** Before this many microseconds nothing was made: a whole number above it is a time. */
const earliest = 1_000_000_000_000_000;

function expressionOf({ name, type }: Column, stored: readonly string[], names: readonly Name[]): string {
  if (name === "run_id") return "s.run_id";
  const column = `t.${name}`;
  switch (type) {
    case "bigint":
      return stored.some((value) => Number(value) > earliest) ? `${column} + s.shift` : column;
    case "text":
      return replaceTexts(column, stored, names);
    case "json": {
      const times = new Set(stored.flatMap((value) => value.match(/\b\d{16}\b/g) ?? []));
      const shifted = [...times].map((time) => ({ text: time, inText: `(${time} + s.shift)::text` }));
      return `${replaceTexts(`${column}::text`, stored, [...names, ...shifted])}::json`;
    }
    case "bytea":
      return replaceBytes(column, stored, names);
    default:
      return column;
  }
}

function replaceTexts(
  column: string,
  stored: readonly string[],
  names: readonly Pick<Name, "text" | "inText">[],
): string {
  return names.reduce((value, { text, inText }) => {
    const isThere = stored.some((one) => one.includes(text));
    return isThere ? `replace(${value}, '${text}', ${inText})` : value;
  }, column);
}

function replaceBytes(column: string, stored: readonly string[], names: readonly Name[]): string {
  const found = names.flatMap(({ bytes, inBytes }) => {
    const digits = bytes.toString("hex");
    const isThere = stored.some((one) => one.includes(digits));
    return isThere ? [{ digits, inBytes }] : [];
  });
  if (found.length === 0) return column;
  const isNamed = found.map(({ digits }) => `position('\\x${digits}'::bytea in ${column}) > 0`);
  const value = found.reduce(
    (hex, { digits, inBytes }) => `replace(${hex}, '${digits}', ${inBytes})`,
    `encode(${column}, 'hex')`,
  );
  return `case when ${isNamed.join(" or ")} then decode(${value}, 'hex') else ${column} end`;
}
