/** Why nothing goes on, for people. */
import type { RunState } from "../../core/run-state.js";
import { readWaiting } from "../../core/waiting.js";
import type { Clock } from "./clock.js";
import type { WorkflowCode } from "./workflow-code.js";
import type { World } from "./world.js";

/** What is known of it. */
export interface Deadlock {
  readonly world: World;
  readonly clock: Clock;
  readonly workflowCode: WorkflowCode;
  /** What the test waits for, in words. */
  readonly waiting: readonly string[];
  /** How far time may go. */
  readonly endOfTime: number;
}

const mostRuns = 20;

/** Says what the test waits for, and what every open run does. */
export function describeDeadlock({ world, clock, workflowCode, waiting, endOfTime }: Deadlock): string {
  const open = [...world.open()];
  const isEnd = (world.nextDue() ?? clock.nextWaking) !== undefined;
  const why = isEnd
    ? `within 100 years, at ${new Date(endOfTime / 1_000).toISOString()}`
    : `at ${new Date(clock.now / 1_000).toISOString()}`;
  const lines = open.slice(0, mostRuns).map((run) => `- ${describeRun(run, { clock, workflowCode })}`);
  return [
    `nothing will happen any more that the test waits for: ${waiting.join(", ")}`,
    `time has come to its end ${why}; ${open.length === 0 ? "no run is open" : "the open runs wait:"}`,
    ...lines,
    ...(open.length > mostRuns ? [`- and ${open.length - mostRuns} more`] : []),
  ].join("\n");
}

function describeRun(
  run: RunState,
  { clock, workflowCode }: Pick<Deadlock, "clock" | "workflowCode">,
): string {
  const byCode = workflowCode.waitingFor(run.runId);
  const view = { now: clock.now, isPolled: () => true };
  const waits = byCode.length > 0 ? byCode : readWaiting(run, view).map(({ explanation }) => explanation);
  return `${run.workflowType} "${run.workflowId}": ${waits.join(", ")}`;
}
