/** How statements are written down and run. */
import pg from "pg";

/** A statement: constant text, prepared under its name the first time a connection runs it. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Something that runs statements: a connection, or a transaction on one. */
export interface Queryable {
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** The database's time in whole microseconds; what every statement that needs "now" uses. */
export const nowMicros = "(extract(epoch from clock_timestamp()) * 1000000)::bigint";

/** Sends a statement over a client of the driver. */
export async function send<Row extends object>(
  client: pg.ClientBase,
  statement: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const result = await client.query<Row>({
    name: statement.name,
    text: statement.text,
    values: [...values],
    types,
  });
  return result.rows;
}

/** Every bigint in this schema is a count or a time in microseconds, far below 2^53, so a number is exact. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format),
};
