/** Whether the database can be worked with. */
import { ConnectionLostError, DatabaseUnavailableError, sqlState } from "./errors.js";
import type { Queryable, Statement } from "./statement.js";

/** Whether the database answers and has the schema. */
export async function checkSchema(q: Queryable): Promise<boolean> {
  try {
    const rows = await q.query(checkStatement, []);
    return rows.length > 0;
  } catch (error) {
    const isDown = error instanceof DatabaseUnavailableError || error instanceof ConnectionLostError;
    if (isDown || sqlState(error) === undefinedTable) return false;
    throw error;
  }
}

const undefinedTable = "42P01";

const checkStatement: Statement = {
  name: "check_schema",
  text: `
    select version
    from schema_versions
    order by version desc
    limit 1`,
};
