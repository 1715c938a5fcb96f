import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import type { ContinueAsNewCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { ContinuationReason } from "../../../gen/pawl/v1/event_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type Closing, closingCasesOf } from "../closing-operation.js";
import { operation } from "../contract.js";
import { begin, type DirectRequest, requestFor } from "../direct-operation.js";
import { completeWorkflow, json, present, type Scene, seconds } from "../scene.js";

type Command = MessageInitShape<typeof ContinueAsNewCommandSchema>;

const direct: Closing<Command> = {
  call: ({ workers }, request) => workers.continueAsNew(request),
  command: { input: json("2") },
  other: { input: json("3") },
  event: "workflowContinuedAsNew",
  isClosing: true,
  status: WorkflowStatus.CONTINUED_AS_NEW,
};
const { happy, repeated, refused, elsewhere } = closingCasesOf(direct);

const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });

/** A run "wf" with everything that may be carried over. */
const spec = {
  input: json("1"),
  runTimeout: seconds(600),
  workflowTaskTimeout: seconds(20),
  retryPolicy: { maximumAttempts: 5 },
  priority: 2,
  searchAttributes: { city: keyword("Bonn"), tier: keyword("gold") },
  memo: { note: json('"gift"'), colour: json('"red"') },
};

const msOf = (time: Timestamp | undefined) => timestampMs(present(time, "the time is not told"));

/** Goes on from a run of "wf", and answers the Started of the next. */
async function goOn(scene: Scene, runId: string, command: Command) {
  const request = { ...(await requestFor(scene, direct, runId)), command };
  const { newRunId } = await scene.workers.continueAsNew(request);
  const [{ kind } = { kind: undefined }] = await scene.events("wf", newRunId);
  return { newRunId, started: kind?.value };
}

/** Starts "wf" with an open child "kid". Answers the request that comes next. */
async function startWithChild(scene: Scene): Promise<DirectRequest<Command>> {
  const { runId } = await begin(scene, direct);
  const child = { workflowId: "kid", workflowType: "order", taskQueue: "kids" };
  const { workers, namespace } = scene;
  await workers.startChildWorkflow({ namespace, workflowId: "wf", seq: 1, command: { spec: child } });
  await scene.eventOf("childWorkflowStarted", "wf");
  return { ...(await requestFor(scene, direct, runId)), seq: 2 };
}

export const continueAsNew = operation(WorkerService.method.continueAsNew, {
  happy: {
    ...happy,
    "opens the next run of the workflow id in the same transition, both linked": async (scene) => {
      const runId = await scene.start("wf", spec);
      const { newRunId } = await goOn(scene, runId, direct.command);
      expect(await scene.runIdOf("wf")).toBe(newRunId);
      const closing = await scene.eventOf("workflowContinuedAsNew", "wf", runId);
      expect(closing.kind.value).toMatchObject({ newRunId, input: json("2"), workflowType: "order" });
      const events = await scene.events("wf", newRunId);
      expect(events.map(({ kind }) => kind.case)).toEqual(["workflowStarted", "workflowTaskScheduled"]);
      expect(events[0]).toMatchObject({
        eventTime: closing.eventTime,
        kind: {
          value: {
            input: json("2"),
            attempt: 1,
            continuedRunId: runId,
            firstRunId: runId,
            continuationReason: ContinuationReason.WORKFLOW,
          },
        },
      });
    },
    "carries over what is not named: type, queue, timeouts, retry policy, attributes, memo": async (
      scene,
    ) => {
      const runId = await scene.start("wf", spec);
      const { started } = await goOn(scene, runId, direct.command);
      expect(started).toMatchObject({
        ...spec,
        input: json("2"),
        workflowType: "order",
        taskQueue: "default",
      });
    },
    "changes what is named; attributes and memo are merged": async (scene) => {
      const runId = await scene.start("wf", spec);
      const { started } = await goOn(scene, runId, {
        workflowType: "return",
        taskQueue: "returns",
        runTimeout: seconds(60),
        workflowTaskTimeout: seconds(5),
        retryPolicy: { maximumAttempts: 1 },
        searchAttributes: { city: keyword("Köln"), tier: {} },
        memo: { colour: json('"blue"') },
      });
      expect(started).toMatchObject({
        workflowType: "return",
        taskQueue: "returns",
        runTimeout: seconds(60),
        workflowTaskTimeout: seconds(5),
        retryPolicy: { maximumAttempts: 1 },
        memo: { note: json('"gift"'), colour: json('"blue"') },
      });
      expect(started).toHaveProperty("searchAttributes", { city: expect.objectContaining(keyword("Köln")) });
      expect(started).not.toHaveProperty("input");
    },
    "gives the next run its first task no sooner than 1 s after the start of the one before": async (
      scene,
    ) => {
      const { workflows, namespace } = scene;
      const { runId } = await begin(scene, direct);
      const { newRunId } = await goOn(scene, runId, direct.command);
      const [before, after] = await Promise.all(
        [runId, newRunId].map((id) => workflows.getWorkflow({ namespace, workflowId: "wf", runId: id })),
      );
      const ready = after?.workflow?.executionTime;
      expect(msOf(ready)).toBeGreaterThanOrEqual(msOf(before?.workflow?.startTime) + 1_000);
      await scene.pass(1_100);
      expect((await scene.takeTask()).runId).toBe(newRunId);
    },
    "copies the signals that it names behind the next run's start": async (scene) => {
      const { workflows, namespace } = scene;
      const { runId } = await begin(scene, direct);
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "taken" });
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "left", payload: json("7") });
      const eventId = (await scene.events("wf")).length;
      const { newRunId } = await goOn(scene, runId, { carriedSignalEventIds: [eventId] });
      const [, signal, ...rest] = await scene.events("wf", newRunId);
      expect(signal?.kind).toMatchObject({
        case: "signalReceived",
        value: { name: "left", payload: json("7"), originRunId: runId, originEventId: eventId },
      });
      expect(rest.map(({ kind }) => kind.case)).toEqual(["workflowTaskScheduled"]);
    },
    "does to open children what their parent-close policy says": async (scene) => {
      await scene.workers.continueAsNew(await startWithChild(scene));
      await scene.eventOf("workflowTerminated", "kid");
    },
    "with keep_children gives open children to the next run, which hears of their end": async (scene) => {
      const request = await startWithChild(scene);
      const { newRunId } = await scene.workers.continueAsNew({ ...request, command: { keepChildren: true } });
      const { workflows, namespace } = scene;
      const { pendingChildren } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(pendingChildren).toMatchObject([{ workflowId: "kid" }]);
      await scene.complete(await scene.takeTask({ taskQueue: "kids" }), [completeWorkflow("42")]);
      const end = await scene.eventOf("childWorkflowCompleted", "wf", newRunId);
      expect(end.kind.value).toMatchObject({ child: { workflowId: "kid" }, result: json("42") });
    },
    "a parent hears nothing of it, but of the end of the last run": async (scene) => {
      const { workers, namespace } = scene;
      await scene.start("parent", { taskQueue: "parents" });
      const child = { workflowId: "wf", workflowType: "order", taskQueue: "default" };
      await workers.startChildWorkflow({
        namespace,
        workflowId: "parent",
        seq: 1,
        command: { spec: child },
      });
      await scene.eventOf("childWorkflowStarted", "parent");
      const { newRunId } = await goOn(scene, await scene.runIdOf("wf"), direct.command);
      await scene.pass(1_100);
      await scene.complete(await scene.takeTask(), [completeWorkflow("42")]);
      const end = await scene.eventOf("childWorkflowCompleted", "parent");
      expect(end.kind.value).toMatchObject({ seq: 1, child: { workflowId: "wf", runId: newRunId } });
      const heard = (await scene.history("parent")).filter((kind) => kind?.startsWith("childWorkflow"));
      expect(heard).toEqual(["childWorkflowInitiated", "childWorkflowStarted", "childWorkflowCompleted"]);
    },
  },
  repeated,
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", runId: crypto.randomUUID(), seq: 1, command: {} }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "run_id" },
});
