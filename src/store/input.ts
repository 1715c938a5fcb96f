/** Rows as parameters: one array a column, which the statement unnests to the rows again. */
import { byteaArray, jsonArray, plainArray, textArray } from "./arrays.js";

/** A column: its type, and what a row has in it. */
type Column<Row> =
  | readonly ["int" | "bigint" | "smallint", (row: Row) => number | undefined]
  | readonly ["uuid" | "text" | "json", (row: Row) => string | undefined]
  | readonly ["boolean", (row: Row) => boolean]
  | readonly ["bytea", (row: Row) => Uint8Array | undefined];

/** The columns of a kind of row, by the names that they have in the statement. */
export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

/** The rows as a table expression: `unnest($1::int[], …) as name (unit, …)`. `first` is the number of the first parameter. */
export function unnested(name: string, columns: Columns<never>, first: number): string {
  const parameters = Object.values(columns).map(([type], index) => `$${first + index}::${type}[]`);
  return `unnest(${parameters.join(", ")}) as ${name} (${Object.keys(columns).join(", ")})`;
}

/** The parameters of rows, a column each. */
export function columnArrays<Row>(columns: Columns<Row>, rows: readonly Row[]): unknown[] {
  return Object.values(columns).map((column) => columnArray(column, rows));
}

function columnArray<Row>([type, read]: Column<Row>, rows: readonly Row[]): unknown {
  switch (type) {
    case "bytea":
      return byteaArray(rows.map(read));
    case "json":
      return jsonArray(rows.map(read));
    case "uuid":
    case "text":
      return textArray(rows.map(read));
    case "boolean":
      return plainArray(rows.map(read));
    default:
      return plainArray(rows.map(read));
  }
}
