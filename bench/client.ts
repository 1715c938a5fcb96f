/** The client's process: keeps so many workflows going at once for a while, checks every result, and tells how long each took. */
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { type WorkflowOutcome, WorkflowStatus } from "../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../gen/pawl/v1/workflow_service_pb.js";
import { openCalls } from "./rpc.js";
import { payloadOf, taskQueue, textOf, type Workload, workloads } from "./workloads.js";

/** What the client is asked for. */
export interface Round {
  readonly workload: Workload["name"];
  readonly seconds: number;
}

/** What came of it. */
export interface RoundOutcome {
  /** Workflows that ended within the time, a second. */
  readonly perSecond: number;
  /** All that were started; each has ended by now. */
  readonly started: number;
  /** How long each took from its call to its result, in milliseconds. */
  readonly latencies: readonly number[];
  /** What was wrong with results, at most a few. */
  readonly wrong: readonly string[];
}

const [address = ""] = process.argv.slice(2);
const { call } = openCalls(address);
const wait = create(DurationSchema, { seconds: 50n });
const mostWrong = 5;
let nextId = 0;

// Goes with the process that started it, however that ends.
process.on("disconnect", () => process.exit(0));
process.on("message", (round: Round) => {
  runRound(round).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      console.error("the client failed:", error);
      process.exit(1);
    },
  );
});
process.send?.({ kind: "ready" });

async function runRound({ workload: name, seconds }: Round): Promise<RoundOutcome> {
  const workload = workloads.find((one) => one.name === name);
  if (workload === undefined) throw new Error(`there is no workload ${name}`);
  const latencies: number[] = [];
  const wrong: string[] = [];
  let endedInTime = 0;
  const begin = performance.now();
  const end = begin + seconds * 1_000;

  async function repeat(firstAt: number): Promise<void> {
    for (let at = firstAt; at < end; ) {
      const fault = await runOne(workload as Workload);
      const now = performance.now();
      latencies.push(now - at);
      if (now <= end) endedInTime++;
      if (fault !== undefined && wrong.length < mostWrong) wrong.push(fault);
      at = now;
    }
  }

  await Promise.all(Array.from({ length: workload.concurrency }, () => repeat(begin)));
  return { perSecond: endedInTime / seconds, started: latencies.length, latencies, wrong };
}

/** Starts a workflow and waits for its result in the same call. Answers what is wrong with it, if anything. */
async function runOne({ name, workflowType, activities }: Workload): Promise<string | undefined> {
  const id = `${name}-${process.pid}-${nextId++}`;
  const { workflowId, outcome } = await call(WorkflowService.method.startWorkflow, {
    spec: { workflowId: id, workflowType, taskQueue, input: payloadOf(id, 0) },
    wait,
  });
  if (workflowId !== id) return `${id} was started as ${workflowId}`;
  return faultOf(id, activities, outcome);
}

function faultOf(id: string, activities: number, outcome: WorkflowOutcome | undefined): string | undefined {
  if (outcome === undefined) return `${id} had not ended after ${wait.seconds} s`;
  if (outcome.status !== WorkflowStatus.COMPLETED) return `${id} ended as ${WorkflowStatus[outcome.status]}`;
  const expected = textOf(payloadOf(id, activities));
  const result = outcome.value.case === "result" ? textOf(outcome.value.value) : "";
  return result === expected ? undefined : `${id} ended with ${result} and not with ${expected}`;
}
