/** The snapshots of runs. */
import { fromBinary } from "@bufbuild/protobuf";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import type { Snapshot } from "../core/run-state.js";
import type { Queryable, Statement } from "./statement.js";

/** Reads the latest snapshot of a run; undefined if none was taken. */
export async function readSnapshot(q: Queryable, runId: string): Promise<Snapshot | undefined> {
  const [row] = await q.query<{ asOfEventId: number; state: Buffer }>(readStatement, [runId]);
  if (row === undefined) return undefined;
  return { asOfEventId: row.asOfEventId, state: fromBinary(PayloadSchema, row.state) };
}

const readStatement: Statement = {
  name: "read_snapshot",
  text: `
    select as_of_event_id as "asOfEventId", state
    from snapshots
    where run_id = $1::uuid`,
};
