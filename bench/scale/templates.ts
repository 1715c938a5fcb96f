/** The runs that all others are made of: the server itself makes one of each kind, so that the seed is what the server writes. */
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import {
  attributesOf,
  closedId,
  keyword,
  number,
  openId,
  type Population,
  taskQueue,
  types,
  waitingOf,
} from "./population.js";
import type { Side } from "./side.js";
import { takeTask } from "./tasks.js";

const workflows = WorkflowService.method;
const workers = WorkerService.method;

/** A run that was made, and which one of its kind it is. */
export interface Template {
  readonly namespaceId: string;
  readonly runId: string;
  readonly workflowId: string;
  /** In microseconds. */
  readonly startedAt: number;
  readonly n: number;
}

/**
 * Makes a closed run: started, a workflow task that sets a timer, the timer, a workflow task that ends it. Ten events in all. It is none of those that are
 * counted, since it starts now.
 */
export async function makeClosedRun(side: Side): Promise<Template> {
  const { call, population } = side;
  const n = 0;
  const workflowId = closedId(n);
  const { runId } = await call(workflows.startWorkflow, {
    spec: {
      workflowId,
      workflowType: types.closed,
      taskQueue,
      searchAttributes: searchAttributes(population, n),
    },
  });
  const complete = async (command: MessageInitShape<typeof CommandSchema>) => {
    const { tasks } = await call(workers.pollWorkflowTasks, { taskQueue });
    const completions = tasks.map(({ taskToken }) => ({ taskToken, commands: [command] }));
    const { outcomes } = await call(workers.completeWorkflowTasks, { completions });
    if (outcomes[0]?.outcome.case !== "accepted") throw new Error("a workflow task was not completed");
  };
  await complete({ seq: 1, kind: { case: "scheduleTimer", value: { duration: { nanos: 1_000_000 } } } });
  await complete({ seq: 2, kind: { case: "completeWorkflow", value: {} } });
  const { workflow } = await call(workflows.getWorkflow, { workflowId });
  if (workflow?.status !== WorkflowStatus.COMPLETED || workflow.historyLength !== 10)
    throw new Error(`a closed run has ${workflow?.historyLength} events and is ${workflow?.status}`);
  return readTemplate(side, runId, n);
}

function searchAttributes(population: Population, n: number) {
  const { customer, region, amount } = attributesOf(population, n);
  return { customer: keyword(customer), region: keyword(region), amount: number(amount) };
}

/** Takes the closed run away again. */
export async function deleteClosedRun({ call }: Side, { workflowId }: Template): Promise<void> {
  await call(workflows.deleteWorkflow, { workflowId });
}

/** Makes the last open runs of both kinds: one with a ready workflow task, one with a ready activity. */
export async function makeOpenRuns(side: Side): Promise<Template[]> {
  const { call, population } = side;
  const made: Template[] = [];
  for (const n of [population.open - 1, population.open]) {
    const workflowId = openId(n);
    const spec = { workflowId, workflowType: types.open, taskQueue };
    const { runId } = await call(workflows.startWorkflow, { spec });
    // Its workflow task is the only one of the queue as yet.
    if (waitingOf(n) === "activity") await (await takeTask(call, "workflow")).complete();
    made.push(await readTemplate(side, runId, n));
  }
  await waitForWakeups(side);
  return made;
}

/** What is left of the lease of a workflow task, the time to look at its run again, goes when that comes. */
async function waitForWakeups({ database }: Side): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while ((await database.query("select from wakeups")).rowCount !== 0) {
    if (performance.now() > giveUpAt) throw new Error("the open runs still are to be looked at");
    await delay(100);
  }
}

async function readTemplate({ database }: Side, runId: string, n: number): Promise<Template> {
  const { rows } = await database.query<{ namespaceId: string; workflowId: string; startedAt: number }>(
    `select namespace_id as "namespaceId", workflow_id as "workflowId", started_at::float8 as "startedAt"
       from runs
      where run_id = $1`,
    [runId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`run ${runId} is not stored`);
  return { runId, n, ...row };
}
