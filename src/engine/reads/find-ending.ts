/** How a child ended: asked by a run that has taken it over after a reset. */
import type { ChildEnding } from "../../core/adopt-child.js";
import { closingOutcome } from "../../core/closing-outcome.js";
import { RefusedError } from "../../core/errors.js";
import type { RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import type { EngineParts } from "../parts.js";
import { findRun, type RunName } from "./find-run.js";
import { readClosingEvent } from "./get-result.js";

/** The ending of the chain that begins with a run; undefined while it is open. */
export async function findEnding(parts: EngineParts, first: RunName): Promise<ChildEnding | undefined> {
  let { runId } = first;
  for (;;) {
    const run = await findIfThere(parts, { ...first, runId });
    if (run === undefined) return "gone";
    if (!isClosedStatus(run.status)) return undefined;
    const event = await readClosingEvent(parts, run);
    if (event === undefined) return "gone";
    const { nextRunId } = closingOutcome(run, event);
    const child = { namespace: run.settings.namespace, workflowId: run.workflowId, runId: run.runId };
    if (nextRunId === "") return { child, closing: event.kind };
    runId = nextRunId;
  }
}

async function findIfThere(parts: EngineParts, name: RunName): Promise<RunState | undefined> {
  try {
    return await findRun(parts, name);
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}
