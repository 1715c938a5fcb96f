/** Tidying up: the partitions of history, and rows that nobody asks for any more. */
import type { Micros } from "../core/run-state.js";
import { removeOldCommands } from "../store/appended-commands.js";
import { removeOldHeartbeats } from "../store/heartbeats.js";
import { removeOldCopies } from "../store/history-copies.js";
import { removeOldNamespaceRequests } from "../store/namespace-requests.js";
import { dropPartition, makePartitions } from "../store/partitions.js";
import { removeOldQueries } from "../store/queries.js";
import { removeOldScheduleRequests } from "../store/schedules.js";
import { removeOldBatches } from "../store/settle-batch.js";
import { removeOldWorkers } from "../store/workers.js";
import type { EngineParts } from "./parts.js";

const maxRowsAtOnce = 5_000;
/** What was copied for a run that has not begun since is left over. */
const abandonedCopy: Micros = 60 * 60 * 1_000_000;

/** Makes partitions that will be needed and drops those that no run needs; removes old batches, heartbeats, workers, commands, queries, copies and requests. */
export async function tidy({ database, clock }: Pick<EngineParts, "database" | "clock">): Promise<void> {
  // In transactions of their own: they may wait for a lock, and would hold up every read behind them.
  await database.transaction((tx) => makePartitions(tx));
  while (await database.transaction((tx) => dropPartition(tx)));
  await removeOldHeartbeats(database.read, maxRowsAtOnce);
  await removeOldWorkers(database.read);
  await removeOldCommands(database.read);
  await removeOldCopies(database.transaction, clock.earliest() - abandonedCopy);
  await removeOldQueries(database.read);
  await removeOldNamespaceRequests(database.read);
  await removeOldScheduleRequests(database.read, maxRowsAtOnce);
  await removeOldBatches(database.read);
}
