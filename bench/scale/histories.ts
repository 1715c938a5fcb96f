/** Reads a sample of the seeded histories over the API: what was multiplied must be what the server would have written. */
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { attributesOf, closedId } from "./population.js";
import type { Side } from "./side.js";

const sampleSize = 20;
const workflowTask = ["workflowTaskScheduled", "workflowTaskStarted", "workflowTaskCompleted"];
const expected = [
  "workflowStarted",
  ...workflowTask,
  ...["timerScheduled", "timerFired"],
  ...workflowTask,
  "workflowCompleted",
].join(" ");

/** Throws if the history of a closed run is not what it must be. */
export async function checkHistories({ call, population }: Side): Promise<void> {
  for (let one = 1; one <= sampleSize; one++) {
    const n = Math.ceil((population.closed * one) / sampleSize);
    const workflowId = closedId(n);
    const { events } = await call(WorkflowService.method.getHistory, { workflowId });
    const kinds = events.map(({ kind }) => kind.case).join(" ");
    const isDense = events.every(({ eventId }, index) => eventId === index + 1);
    const [started] = events;
    const { customer, amount } =
      started?.kind.case === "workflowStarted" ? started.kind.value.searchAttributes : {};
    const wanted = attributesOf(population, n);
    const isOwn = customer?.value.value === wanted.customer && amount?.value.value === wanted.amount;
    if (kinds !== expected || !isDense || !isOwn) throw new Error(`the history of ${workflowId} is ${kinds}`);
  }
}
