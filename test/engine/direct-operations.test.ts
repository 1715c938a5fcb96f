import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import type { Call } from "../../src/engine/engine.js";
import { type Actor, actor, json, ms } from "../support/actor.js";
import {
  callOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});
beforeEach(async () => {
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
});
afterAll(() => cluster.close());

const minute = { seconds: 60n };

/** Calls an operation on workflow "wf". */
async function call<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
  operation: (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>,
  request: object,
): Promise<MessageShape<O>> {
  const init = { namespace, workflowId: "wf", ...request } as object as MessageInitShape<I>;
  return create(output, await operation(create(input, init), callOf()));
}

/** Lets time pass, and what is due happen. */
async function wakeAfter(milliseconds: number): Promise<void> {
  cluster.moveTime(milliseconds);
  await server.upkeep.wakeDueRuns();
}

async function refusalOf(work: Promise<unknown>) {
  const error = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof RefusedError)) throw error;
  return { reason: ErrorReason[error.reason], metadata: error.metadata };
}

const timer = (request: object) =>
  call(
    wk.ScheduleTimerRequestSchema,
    wk.ScheduleTimerResponseSchema,
    server.operations.scheduleTimer,
    request,
  );
const activity = (request: object) =>
  call(
    wk.ScheduleActivityRequestSchema,
    wk.ScheduleActivityResponseSchema,
    server.operations.scheduleActivity,
    request,
  );
const sideEffect = (request: object) =>
  call(
    wk.RecordSideEffectRequestSchema,
    wk.RecordSideEffectResponseSchema,
    server.operations.recordSideEffect,
    request,
  );
const complete = (request: object) =>
  call(
    wk.CompleteWorkflowRequestSchema,
    wk.CompleteWorkflowResponseSchema,
    server.operations.completeWorkflow,
    request,
  );
const getActivity = (activity: object, rest: object = {}) =>
  call(wk.GetActivityRequestSchema, wk.GetActivityResponseSchema, server.operations.getActivity, {
    activity: { workflowId: "wf", ...activity },
    ...rest,
  });

describe("a direct operation", () => {
  test("drives a whole run without a poll for workflow tasks", async () => {
    const { runId = "" } = await it.start("wf");
    const value = await sideEffect({ seq: 1, command: { name: "price", value: json("7") } });
    expect(value.value).toMatchObject(json("7"));
    const scheduled = await activity({ seq: 2, command: { activityType: "charge", input: json("7") } });
    expect(scheduled).toMatchObject({ activityId: "2", scheduledEventId: 9, state: { isExisting: false } });
    const waiting = getActivity({ activity: { case: "seq", value: 2 } }, { wait: { seconds: 10n } });
    const [task] = await it.pollActivities();
    await it.completeActivity(task, '"paid"');
    expect(await waiting).toMatchObject({
      status: wk.ActivityStatus.COMPLETED,
      outcome: { case: "result", value: json('"paid"') },
    });
    const { state } = await activity({ seq: 2, command: { activityType: "charge", input: json("7") } });
    expect(state?.isExisting).toBe(true);
    const lastSeenEventId = state?.lastEventId ?? 0;
    await complete({ seq: 3, runId, lastSeenEventId, command: { result: json('"ok"') } });
    const { workflow } = await it.get("wf");
    expect(workflow?.status).toBe(WorkflowStatus.COMPLETED);
    expect(kindsOf(await it.history("wf")).filter((kind) => !kind?.startsWith("workflowTask"))).toEqual([
      "workflowStarted",
      "sideEffectRecorded",
      "activityScheduled",
      "activityStarted",
      "activityCompleted",
      "workflowCompleted",
    ]);
  });

  test("answers a repeat with what was recorded, at another server and after more than the keys that a state keeps", async () => {
    await it.start("wf");
    const other = await cluster.open();
    for (let seq = 1; seq <= 130; seq++)
      await sideEffect({ seq, command: { name: "n", value: json(String(seq)) } });
    const again = await call(
      wk.RecordSideEffectRequestSchema,
      wk.RecordSideEffectResponseSchema,
      other.operations.recordSideEffect,
      { seq: 1, command: { name: "n", value: json("999") } },
    );
    expect(again).toMatchObject({ value: json("1"), state: { isExisting: true } });
    const refused = refusalOf(sideEffect({ seq: 1, command: { name: "other", value: json("1") } }));
    expect(await refused).toMatchObject({ reason: "NON_DETERMINISM", metadata: { seq: "1" } });
    await other.stop();
  });

  test("with a token goes on with the next task, and its answer can be lost", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    const request = { seq: 1, taskToken: task?.taskToken, command: { duration: minute } };
    const first = await timer(request);
    expect(first).toMatchObject({ isFired: false, state: { isExisting: false } });
    const again = await timer(request);
    expect(again.state).toEqual({
      ...first.state,
      isExisting: true,
      $typeName: "pawl.v1.DirectOperationState",
    });
    const done = { seq: 2, taskToken: again.state?.taskToken, command: { result: json("1") } };
    expect((await complete(done)).state?.taskToken).toHaveLength(0);
    expect((await complete(done)).state?.isExisting).toBe(true);
    expect((await it.get("wf")).workflow?.status).toBe(WorkflowStatus.COMPLETED);
  });

  test("tells whether a timer has fired or was cancelled", async () => {
    const { runId } = await it.start("wf");
    await timer({ seq: 1, command: { duration: { nanos: 1_000_000 } } });
    await wakeAfter(1_000);
    expect((await timer({ seq: 1, command: { duration: { nanos: 1_000_000 } } })).isFired).toBe(true);
    await timer({ seq: 2, command: { duration: minute } });
    await it.cancel("wf", { runId: runId ?? "", cancelPending: true });
    const cancelled = await timer({ seq: 2, command: { duration: minute } });
    expect(cancelled).toMatchObject({ isFired: false, state: { isExisting: true } });
  });

  test.each<[string, object, string]>([
    ["a closing one that names no run", { seq: 1, command: {} }, "INVALID_FIELD"],
    ["a token that is none", { seq: 1, taskToken: new Uint8Array([1]), command: {} }, "INVALID_TOKEN"],
    ["an unknown workflow", { seq: 1, workflowId: "nobody", runId: "x", command: {} }, "WORKFLOW_NOT_FOUND"],
    [
      "an unknown namespace",
      { seq: 1, namespace: "nowhere", runId: "x", command: {} },
      "NAMESPACE_NOT_FOUND",
    ],
    ["no command", { seq: 1 }, "INVALID_FIELD"],
  ])("is refused: %s", async (_what, request, reason) => {
    await it.start("wf");
    expect(await reasonOf(complete(request))).toBe(reason);
  });

  test("is refused with the token of another run's task", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.start("other");
    const request = {
      seq: 1,
      workflowId: "other",
      taskToken: task?.taskToken,
      command: { duration: minute },
    };
    expect(await refusalOf(timer(request))).toMatchObject({
      reason: "INVALID_FIELD",
      metadata: { field: "task_token" },
    });
  });
});

describe("the other direct operations", () => {
  const of = (name: keyof typeof schemas, request: object) => {
    const [input, output] = schemas[name];
    const operation = server.operations[name] as (request: never, call: Call) => Promise<object>;
    return call(input, output, operation as never, request) as Promise<Record<string, unknown>>;
  };
  const schemas = {
    startChildWorkflow: [wk.StartChildWorkflowRequestSchema, wk.StartChildWorkflowResponseSchema],
    createSnapshot: [wk.CreateSnapshotRequestSchema, wk.CreateSnapshotResponseSchema],
    upsertSearchAttributes: [wk.UpsertSearchAttributesRequestSchema, wk.UpsertSearchAttributesResponseSchema],
    failWorkflow: [wk.FailWorkflowRequestSchema, wk.FailWorkflowResponseSchema],
    finaliseCancellation: [wk.FinaliseCancellationRequestSchema, wk.FinaliseCancellationResponseSchema],
    continueAsNew: [wk.ContinueAsNewRequestSchema, wk.ContinueAsNewResponseSchema],
    getLatestSnapshot: [wk.GetLatestSnapshotRequestSchema, wk.GetLatestSnapshotResponseSchema],
  } as const;

  test("StartChildWorkflow names the child, whose start follows", async () => {
    await it.start("wf");
    const request = { seq: 1, command: { spec: { workflowId: "kid", workflowType: "order" } } };
    const { child } = (await of("startChildWorkflow", request)) as { child: { runId: string } };
    expect(child).toMatchObject({ namespace, workflowId: "kid" });
    expect(await of("startChildWorkflow", request)).toMatchObject({ child, state: { isExisting: true } });
    await it.historyPage("kid", { wait: { seconds: 10n } }).catch(() => undefined);
    const started = await it.historyPage("wf", { afterEventId: 6, wait: { seconds: 10n } });
    expect(kindsOf(started.events)).toContain("childWorkflowStarted");
    expect((await it.get("kid")).workflow?.runId).toBe(child.runId);
  });

  test("CreateSnapshot keeps the latest; GetLatestSnapshot says if there is none", async () => {
    await it.start("wf");
    expect(await reasonOf(of("getLatestSnapshot", {}))).toBe("SNAPSHOT_NOT_FOUND");
    await of("createSnapshot", { seq: 1, command: { asOfEventId: 1, state: json("1") } });
    await of("createSnapshot", { seq: 2, command: { asOfEventId: 5, state: json("2") } });
    expect(await of("getLatestSnapshot", {})).toMatchObject({ asOfEventId: 5, state: json("2") });
    expect(await reasonOf(of("getLatestSnapshot", { namespace: "main" }))).toBe("WORKFLOW_NOT_FOUND");
  });

  test("UpsertSearchAttributes answers with all of them", async () => {
    const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
    await it.start("wf", { spec: { searchAttributes: { city: keyword("Bonn"), tier: keyword("gold") } } });
    const command = { searchAttributes: { city: keyword("Köln"), tier: {} } };
    const { searchAttributes } = await of("upsertSearchAttributes", { seq: 1, command });
    expect(searchAttributes).toEqual({ city: expect.objectContaining(keyword("Köln")) });
  });

  test("FailWorkflow names the run that tries again", async () => {
    const { runId } = await it.start("wf", {
      spec: { retryPolicy: { maximumAttempts: 2, initialInterval: ms(10) } },
    });
    const request = { seq: 1, runId, command: { failure: { message: "no" } } };
    const { nextRunId } = await of("failWorkflow", request);
    expect(nextRunId).toBe((await it.get("wf")).workflow?.runId);
    expect(await of("failWorkflow", request)).toMatchObject({ nextRunId, state: { isExisting: true } });
  });

  test("FinaliseCancellation wants a cancellation that was requested", async () => {
    const { runId } = await it.start("wf");
    await sideEffect({ seq: 1, command: { value: json("1") } });
    expect(await reasonOf(of("finaliseCancellation", { seq: 2, runId, command: {} }))).toBe(
      "CANCEL_NOT_REQUESTED",
    );
    await it.cancel("wf");
    expect(await reasonOf(of("finaliseCancellation", { seq: 2, runId, command: {} }))).toBe(
      "UNHANDLED_EVENTS",
    );
    await of("finaliseCancellation", { seq: 2, runId, lastSeenEventId: 100, command: {} });
    expect((await it.get("wf")).workflow?.status).toBe(WorkflowStatus.CANCELLED);
  });

  test("ContinueAsNew names the new run, and its repeat too", async () => {
    const { runId } = await it.start("wf");
    const request = { seq: 1, runId, command: { input: json("2") } };
    const { newRunId } = await of("continueAsNew", request);
    expect(newRunId).toBe((await it.get("wf")).workflow?.runId);
    expect(await of("continueAsNew", request)).toMatchObject({ newRunId, state: { isExisting: true } });
  });
});

describe("GetActivity", () => {
  test("tells of pending, running, failed, timed-out and cancelled activities, by seq or id", async () => {
    await it.start("wf");
    await activity({ seq: 1, command: { activityType: "charge", activityId: "mine" } });
    const byId = { activity: { case: "activityId", value: "mine" } };
    expect(await getActivity(byId)).toMatchObject({ status: wk.ActivityStatus.PENDING, pending: { seq: 1 } });
    const [task] = await it.pollActivities();
    expect(await getActivity(byId)).toMatchObject({
      status: wk.ActivityStatus.RUNNING,
      pending: { attempt: 1 },
    });
    await server.operations.completeActivityTasks(
      create(wk.CompleteActivityTasksRequestSchema, {
        namespace,
        completions: [
          {
            target: { case: "taskToken", value: task?.taskToken ?? new Uint8Array() },
            outcome: { case: "failed", value: { message: "broken" } },
          },
        ],
      }),
      callOf(),
    );
    expect(await getActivity(byId)).toMatchObject({
      status: wk.ActivityStatus.FAILED,
      outcome: { case: "failure", value: { message: "broken" } },
    });
    await activity({ seq: 2, command: { activityType: "charge", scheduleToStartTimeout: ms(1) } });
    const late = getActivity({ activity: { case: "seq", value: 2 } }, { wait: { seconds: 10n } });
    await wakeAfter(1_000);
    expect(await late).toMatchObject({ status: wk.ActivityStatus.TIMED_OUT });
    await activity({ seq: 3, command: { activityType: "charge" } });
    await it.cancel("wf", { cancelPending: true });
    expect(await getActivity({ activity: { case: "seq", value: 3 } })).toMatchObject({
      status: wk.ActivityStatus.CANCELLED,
      outcome: { case: "failure", value: { message: "the activity was cancelled" } },
    });
  });

  test("tells of a timeout as its event does: with the last attempt's failure as its cause", async () => {
    await it.start("wf");
    const retryPolicy = { maximumAttempts: 2, initialInterval: ms(10), jitter: 0 };
    await activity({
      seq: 1,
      command: { activityType: "charge", startToCloseTimeout: ms(1_000), retryPolicy },
    });
    const [task] = await it.pollActivities();
    await it.failActivity(task);
    await wakeAfter(100);
    await it.pollActivities();
    await wakeAfter(2_000);
    const event = (await it.history("wf")).find(({ kind }) => kind.case === "activityTimedOut");
    const { outcome } = await getActivity({ activity: { case: "seq", value: 1 } });
    expect(outcome).toMatchObject({
      case: "failure",
      value: { kind: { case: "timeout" }, cause: { message: "broken" } },
    });
    expect(event?.kind.value).toMatchObject({ failure: outcome.value });
  });

  test("sees an end whose event waits for the started workflow task", async () => {
    await it.start("wf");
    await activity({ seq: 1, command: { activityType: "charge" } });
    await it.poll();
    const [task] = await it.pollActivities();
    await it.completeActivity(task);
    expect(await getActivity({ activity: { case: "seq", value: 1 } })).toMatchObject({
      status: wk.ActivityStatus.COMPLETED,
      outcome: { case: "result", value: json('"done"') },
    });
  });

  test("ends its wait with the pending activity, and says that an activity of a closed run is cancelled", async () => {
    await it.start("wf");
    await activity({ seq: 1, command: { activityType: "charge" } });
    const bySeq = { activity: { case: "seq", value: 1 } };
    expect((await getActivity(bySeq, { wait: ms(20) })).status).toBe(wk.ActivityStatus.PENDING);
    await it.terminate("wf");
    expect(await getActivity(bySeq)).toMatchObject({ status: wk.ActivityStatus.CANCELLED });
  });

  test.each<[string, object, object, string]>([
    ["another seq", { activity: { case: "seq", value: 9 } }, {}, "ACTIVITY_NOT_FOUND"],
    ["another id", { activity: { case: "activityId", value: "x" } }, {}, "ACTIVITY_NOT_FOUND"],
    ["no name", {}, {}, "INVALID_FIELD"],
    ["no workflow", { workflowId: "", activity: { case: "seq", value: 9 } }, {}, "INVALID_FIELD"],
    [
      "another namespace",
      { activity: { case: "seq", value: 9 } },
      { namespace: "main" },
      "WORKFLOW_NOT_FOUND",
    ],
  ])("refuses %s", async (_what, ref, rest, reason) => {
    await it.start("wf");
    expect(await reasonOf(getActivity(ref, rest))).toBe(reason);
  });
});
