/**
 * A workflow that is driven by direct operations alone: a plain function, run again from the top whenever its process starts. Each step has a seq; what
 * was recorded under it is what it answers, so that nothing is done twice.
 */
import type { Client } from "@connectrpc/connect";
import { ActivityStatus, type WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";

/** What the function works with. */
export interface Fulfilment {
  readonly worker: Client<typeof WorkerService>;
  readonly workflowId: string;
  readonly runId: string;
  /** Chooses a parcel number; asked once in the life of the run. */
  newParcel(): string;
}

/** What became of the order. */
export interface Fulfilled {
  readonly parcel: string;
  readonly receipt: string;
}

/** Charges the customer, waits a moment, and ends the run with the receipt. May be called again at any time, by anybody. */
export async function fulfil({ worker, workflowId, runId, newParcel }: Fulfilment): Promise<Fulfilled> {
  const run = { workflowId, runId, identity: "examples/direct" };
  const chosen = await worker.recordSideEffect({
    ...run,
    seq: 1,
    command: { name: "parcel", value: { body: { case: "json", value: JSON.stringify(newParcel()) } } },
  });
  const parcel = textOf(chosen.value?.body.value);
  await worker.scheduleActivity({
    ...run,
    seq: 2,
    command: {
      activityType: "charge",
      taskQueue: "payments",
      input: { body: { case: "json", value: JSON.stringify({ parcel, cents: 1_250 }) } },
    },
  });
  const receipt = await waitForActivity({ worker, workflowId, runId }, 2);
  await worker.scheduleTimer({ ...run, seq: 3, command: { duration: { nanos: 50_000_000 } } });
  const { state } = await waitForTimer({ worker, workflowId, runId }, 3);
  const result = { parcel, receipt };
  await worker.completeWorkflow({
    ...run,
    seq: 4,
    lastSeenEventId: state?.lastEventId ?? 0,
    command: { result: { body: { case: "json", value: JSON.stringify(result) } } },
  });
  return result;
}

type Place = Pick<Fulfilment, "worker" | "workflowId" | "runId">;

async function waitForActivity({ worker, workflowId, runId }: Place, seq: number): Promise<string> {
  for (;;) {
    const { status, outcome } = await worker.getActivity({
      activity: { workflowId, runId, activity: { case: "seq", value: seq } },
      wait: { seconds: 20n },
    });
    if (outcome.case === "failure") throw new Error(`the activity ended: ${outcome.value.message}`);
    if (status === ActivityStatus.COMPLETED) return textOf(outcome.value?.body.value);
  }
}

/** The call that scheduled the timer is also the one that tells whether it has fired. */
async function waitForTimer({ worker, workflowId, runId }: Place, seq: number) {
  for (let waitMs = 10; ; waitMs = Math.min(2 * waitMs, 1_000)) {
    const timer = await worker.scheduleTimer({
      workflowId,
      runId,
      seq,
      command: { duration: { nanos: 50_000_000 } },
    });
    if (timer.isFired) return timer;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

function textOf(json: string | Uint8Array | undefined): string {
  const value: unknown = JSON.parse(typeof json === "string" ? json : "null");
  if (typeof value !== "string") throw new Error(`expected a text, not ${String(json)}`);
  return value;
}
