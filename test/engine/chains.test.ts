import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ContinuationReason } from "../../gen/pawl/v1/event_pb.js";
import { RetryState } from "../../gen/pawl/v1/failure_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, failWorkflow, json, ms } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { miscounted } from "../support/miscounted.js";

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

afterAll(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  await cluster.close();
});

describe("chains", () => {
  const continueAsNew = (value: object = {}): CommandInit =>
    ({ kind: { case: "continueAsNew", value } }) as CommandInit;

  test("continue-as-new closes the run and opens the next, linked by events", async () => {
    const { runId } = await it.start("chain", { spec: { runTimeout: ms(3_600_000) } });
    await it.signal("chain", { name: "first" });
    const task = await it.take();
    const signal = (await it.history("chain")).find(({ kind }) => kind.case === "signalReceived");
    await it.complete(task, [
      continueAsNew({ input: json("2"), carriedSignalEventIds: [signal?.eventId ?? 0] }),
    ]);
    const { workflow: next } = await it.get("chain");
    expect(next?.previousRunId).toBe(runId);
    expect(next?.firstRunId).toBe(runId);
    const closing = (await it.history("chain", runId)).at(-1);
    expect(closing?.kind).toMatchObject({
      case: "workflowContinuedAsNew",
      value: { newRunId: next?.runId, input: json("2") },
    });
    const [started, carried] = await it.history("chain");
    expect(started?.kind.value).toMatchObject({
      continuationReason: ContinuationReason.WORKFLOW,
      continuedRunId: runId,
      runTimeout: { seconds: 3_600n },
    });
    expect(carried?.kind.value).toMatchObject({
      name: "first",
      originRunId: runId,
      originEventId: signal?.eventId,
    });
  });

  test("a chain that does nothing else gets a task a second", async () => {
    await it.start("loop");
    await it.complete(await it.take(), [continueAsNew()]);
    expect(await it.poll({ wait: ms(1) })).toEqual([]);
    cluster.moveTime(1_001);
    await server.upkeep.wakeDueRuns();
    expect(await it.poll()).toHaveLength(1);
  });

  test("an undelivered signal refuses continue-as-new", async () => {
    await it.start("busy");
    const task = await it.take();
    await it.signal("busy");
    expect(errorOf(await it.complete(task, [continueAsNew()]))).toBe("UNHANDLED_COMMAND");
  });

  test("a failed run is tried again as its retry policy says, and its result is waited for across all runs", async () => {
    const { runId = "" } = await it.start("retried", {
      spec: { input: json("7"), retryPolicy: { maximumAttempts: 2, initialInterval: ms(1_000), jitter: 0 } },
    });
    await it.complete(await it.take(), [failWorkflow]);
    const first = (await it.history("retried", runId)).at(-1);
    expect(first?.kind.value).toMatchObject({ retryState: RetryState.IN_PROGRESS });
    expect(await it.poll({ wait: ms(1) })).toEqual([]);
    cluster.moveTime(1_001);
    await server.upkeep.wakeDueRuns();
    const waiting = it.result("retried", { runId });
    const task = await it.take();
    expect(task.attempt).toBe(1);
    expect((await it.history("retried"))[0]?.kind.value).toMatchObject({ attempt: 2, input: json("7") });
    await it.complete(task, [failWorkflow]);
    const { outcome } = await waiting;
    expect(outcome?.status).toBe(WorkflowStatus.FAILED);
    expect(outcome?.runId).not.toBe(runId);
    const last = (await it.history("retried")).at(-1);
    expect(last?.kind.value).toMatchObject({ retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED });
  });

  test("an execution timeout ends all runs of the chain, a run timeout each of them", async () => {
    await it.start("late", {
      spec: { runTimeout: ms(1_000), executionTimeout: ms(2_500), retryPolicy: { initialInterval: ms(100) } },
    });
    for (let n = 0; n < 3; n++) {
      cluster.moveTime(1_300);
      await server.upkeep.wakeDueRuns();
    }
    const { workflow } = await it.get("late");
    expect(workflow?.status).toBe(WorkflowStatus.TIMED_OUT);
    expect(workflow?.attempt).toBe(2);
  });

  test("a start delay keeps the first task back", async () => {
    await it.start("delayed", { spec: { startDelay: ms(5_000) } });
    expect(await it.poll({ wait: ms(1) })).toEqual([]);
    cluster.moveTime(5_001);
    await server.upkeep.wakeDueRuns();
    expect(await it.poll()).toHaveLength(1);
  });
});

describe("signal with start", () => {
  const signalWithStart = (workflowId: string, requestId = "") =>
    server.operations.signalWithStartWorkflow(
      create(wf.SignalWithStartWorkflowRequestSchema, {
        namespace,
        requestId,
        spec: { workflowId, workflowType: "order", taskQueue: "default" },
        signalName: "hello",
      }),
      callOf(),
    );

  test("starts a run that begins with the signal, signals the one that is open, and repeats nothing", async () => {
    const first = await signalWithStart("both", "a");
    expect(first.isStarted).toBe(true);
    expect(kindsOf(await it.history("both"))).toEqual([
      "workflowStarted",
      "signalReceived",
      "workflowTaskScheduled",
    ]);
    expect(await signalWithStart("both", "a")).toEqual(first);
    expect(await signalWithStart("both", "b")).toEqual({ ...first, isStarted: false });
    expect(await signalWithStart("both", "b")).toEqual({ ...first, isStarted: false });
    expect(kindsOf(await it.eventsOf("both"))).toEqual([
      "workflowStarted",
      "signalReceived",
      "signalReceived",
    ]);
  });
});
