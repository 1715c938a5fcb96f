/**
 * Records the histories that are kept: `npx tsx test/sdk/histories/record.ts [--address 127.0.0.1:7295]` plays, at a server that runs there, every story
 * that has no file yet. What is recorded is never recorded again.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { toJson } from "@bufbuild/protobuf";
import { type HistoryEvent, HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { type Client, createClient, type WorkflowName } from "../../../src/sdk/client/index.js";
import { createUnaryClient } from "../../../src/sdk/connection.js";
import { createWorker } from "../../../src/sdk/worker/index.js";
import type { WorkflowDefinition } from "../../../src/sdk/workflow/index.js";
import * as activities from "./activities.js";
import { fileOf } from "./files.js";
import * as code from "./workflows.js";

const { values } = parseArgs({ options: { address: { type: "string", default: "127.0.0.1:7295" } } });
const client = createClient({ address: values.address, identity: "client" });
const taskQueue = "histories";

/** Plays a story under a workflow id. Answers which run is kept; anything else: the latest. */
type Story = (workflowId: string) => Promise<unknown>;

const play =
  <I>(definition: WorkflowDefinition<I, unknown>, input: I, options = {}): Story =>
  async (workflowId) => {
    const handle = await client.start(definition, input, { workflowId, taskQueue, ...options });
    await handle.result().catch(() => undefined);
  };

const stories: Readonly<Record<string, Story>> = {
  activities: play(code.activities, "hello"),
  "cancelled-activities": play(code.cancelledActivities, undefined),
  timers: play(code.timers, undefined),
  values: play(code.values, undefined),
  patches: play(code.patches, undefined),
  "local-steps": play(code.localSteps, undefined),
  fails: play(code.fails, undefined),
  "fails-and-is-tried-again": play(code.fails, undefined, {
    retry: { maximumAttempts: 2, initialInterval: "10ms" },
  }),
  continues: play(code.continues, 1, { memo: { from: "test" }, searchAttributes: { kind: "kept" } }),
  "timed-out": play(code.waitsForEver, undefined, { runTimeout: "1s" }),
  async "continues-as-new"(workflowId) {
    const first = await client.start(code.continues, 1, { workflowId, taskQueue });
    await first.result();
    return { workflowId, runId: first.runId };
  },
  async children(workflowId) {
    await play(code.children, workflowId)(workflowId);
  },
  async signals(workflowId) {
    const handle = await client.start(code.signals, undefined, { workflowId, taskQueue });
    await handle.signal(code.add, 1);
    await handle.signal(code.add, 2);
    await handle.signal(code.go, "begin");
    await handle.signal(code.add, 3);
    await handle.query(code.total);
    await handle.result();
  },
  async updates(workflowId) {
    const handle = await client.start(code.updates, undefined, { workflowId, taskQueue });
    await handle.update(code.raise, 2);
    await Promise.allSettled([handle.update(code.raise, -1), handle.update(code.raise, 13)]);
    await Promise.all([handle.update(code.raise, 1), handle.update(code.raise, 2)]);
    await handle.result();
  },
  async "cancels-others"(workflowId) {
    await client.start(code.waitsForEver, undefined, { workflowId: `${workflowId}-target`, taskQueue });
    await play(code.cancelsOthers, `${workflowId}-target`)(workflowId);
  },
  async "cleans-up"(workflowId) {
    const handle = await client.start(code.cleansUp, undefined, { workflowId, taskQueue });
    await hasEvent(workflowId, "timerScheduled");
    await handle.cancel("changed my mind");
    await handle.result().catch(() => undefined);
  },
  async "cancelled-and-content"(workflowId) {
    const handle = await client.start(code.waitsForEver, undefined, { workflowId, taskQueue });
    await hasEvent(workflowId, "activityCompleted");
    await handle.cancel();
    await handle.result();
  },
  async terminated(workflowId) {
    const handle = await client.start(code.waitsForEver, undefined, { workflowId, taskQueue });
    await hasEvent(workflowId, "activityCompleted");
    await handle.terminate("enough");
  },
  async deprecates(workflowId) {
    code.age.isOld = true;
    await play(code.deprecates, undefined)(workflowId);
    code.age.isOld = false;
  },
  async repaired(workflowId) {
    code.faults.left = 1;
    await play(code.repaired, undefined)(workflowId);
  },
  async slow(workflowId) {
    code.slowness.ms = 2_500;
    await play(code.slow, undefined, { workflowTaskTimeout: "1s" })(workflowId);
  },
  async reset(workflowId) {
    await play(code.repaired, undefined)(workflowId);
    await reset(workflowId, "activityCompleted");
  },
  async "reset-with-children"(workflowId) {
    const definition = code.startsAndWaits;
    const handle = await client.start(definition, workflowId, { workflowId, taskQueue });
    await hasEvent(workflowId, "childWorkflowStarted");
    await handle.signal(code.go, "on");
    await hasEvent(workflowId, "activityCompleted");
    await reset(workflowId, "signalReceived", async () => {
      await client.signal(`${workflowId}-child`, code.go, "went");
      await client.signal(workflowId, code.go, "once more");
    });
  },
};

/** Resets a run to the task behind its first event of a kind. */
async function reset(
  workflowId: string,
  kind: HistoryEvent["kind"]["case"],
  meanwhile = async () => {},
): Promise<void> {
  const events = await historyOf(workflowId);
  const at = events.findIndex((event) => event.kind.case === kind);
  const task = events.slice(at).find((event) => event.kind.case === "workflowTaskCompleted");
  const rpc = createUnaryClient(client.connection, WorkflowService);
  await rpc.resetWorkflow({
    workflowId,
    requestId: workflowId,
    reason: "to see it again",
    eventId: task?.eventId ?? 0,
  });
  await meanwhile();
  await client.result(workflowId);
}

async function hasEvent(workflowId: string, kind: HistoryEvent["kind"]["case"]): Promise<void> {
  while (!(await historyOf(workflowId)).some((event) => event.kind.case === kind));
}

async function historyOf(workflow: WorkflowName): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for await (const event of client.history(workflow)) events.push(event);
  return events;
}

async function record(name: string, story: Story): Promise<void> {
  // Left over from before is what would be taken for this one.
  const workflowId = `${name}-${Date.now().toString(36)}`;
  const played = await story(workflowId);
  const lines = (await historyOf(isNameOfRun(played) ? played : workflowId)).map((event) =>
    JSON.stringify(toJson(HistoryEventSchema, event)),
  );
  await writeFile(fileOf(name), `[\n${lines.join(",\n")}\n]\n`);
  console.log(`${name}: ${lines.length} events`);
}

function isNameOfRun(value: unknown): value is Exclude<WorkflowName, string> {
  return typeof value === "object" && value !== null && "runId" in value;
}

function terminate(client: Client) {
  return async (workflowId: string) => client.terminate(workflowId, "not wanted");
}

const worker = createWorker({
  address: values.address,
  identity: "worker",
  taskQueue,
  workflows: Object.values(code).filter((one): one is never => typeof one === "object" && "type" in one),
  activities: { ...activities, terminate: terminate(client) },
});
await worker.start();
for (const [name, story] of Object.entries(stories)) if (!existsSync(fileOf(name))) await record(name, story);
await worker.stop();
client.close();
