/** Updates that were rejected: history has nothing of them. */
import type { Failure } from "../../gen/pawl/v1/failure_pb.js";
import type { Queryable, Statement } from "./statement.js";
import { decodeFailure } from "./stored-state.js";

/** Reads why an update was rejected; undefined if it was not. */
export async function readRejection(
  q: Queryable,
  runId: string,
  updateId: string,
): Promise<Failure | undefined> {
  const [row] = await q.query<{ rejection: Buffer }>(readStatement, [runId, updateId]);
  return row === undefined ? undefined : decodeFailure(row.rejection);
}

const readStatement: Statement = {
  name: "read_rejection",
  text: `
    select rejection
    from updates
    where run_id = $1::uuid and update_id = $2::text and rejection is not null`,
};
