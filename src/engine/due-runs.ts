/** The runs whose wake-up this server wrote, by when it is due. */
import { type Due, type DueQueue, openDueQueue } from "./due-queue.js";

/** Names a run. */
interface RunName {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
}

/** A run that is to be woken. */
export type DueRun = Due<RunName>;

/** The runs that are to be woken. */
export type DueRuns = DueQueue<RunName>;

/** Opens an empty queue of at most so many runs. */
export function openDueRuns(maxRuns: number): DueRuns {
  return openDueQueue<RunName>(maxRuns, {
    keyOf: ({ runId }) => runId,
    nameOf: ({ namespaceId, workflowId, runId }) => ({ namespaceId, workflowId, runId }),
  });
}
