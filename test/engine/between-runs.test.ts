import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { ExternalFailureCause } from "../../gen/pawl/v1/event_pb.js";
import { ParentClosePolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, completeWorkflow, failWorkflow, json, ms } from "../support/actor.js";
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
import { until } from "../support/until.js";

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

const startChild = (seq: number, workflowId: string, rest: object = {}): CommandInit =>
  ({
    seq,
    kind: {
      case: "startChildWorkflow",
      value: { spec: { workflowId, workflowType: "order", input: json("1") }, ...rest },
    },
  }) as CommandInit;

/** Waits until a run has an event of this kind. */
async function eventOf<Kind extends HistoryEvent["kind"]["case"]>(
  workflowId: string,
  kind: Kind,
  runId = "",
) {
  let found: HistoryEvent | undefined;
  await until("it has come to it", async () => {
    const events = await it.history(workflowId, runId).catch(() => []);
    found = events.find((event) => event.kind.case === kind);
    return found !== undefined;
  });
  return found as HistoryEvent & { kind: { case: Kind } };
}

describe("children", () => {
  /** A parent that has started a child, and the child's first task. */
  async function family(rest: object = {}, childSpec: object = {}) {
    await it.start("parent");
    await it.complete(await it.take(), [
      startChild(1, "child", { spec: { workflowId: "child", workflowType: "order", ...childSpec }, ...rest }),
    ]);
    await eventOf("parent", "childWorkflowStarted");
    const tasks = [await it.take(), await it.take()];
    const [parentTask, childTask] = tasks.sort((a, b) => (a.workflowId < b.workflowId ? 1 : -1));
    await it.complete(parentTask, []);
    return { childTask };
  }

  test.each([
    ["childWorkflowCompleted", completeWorkflow],
    ["childWorkflowFailed", failWorkflow],
  ] as const)("the parent gets one %s", async (kind, last) => {
    const { childTask } = await family();
    await it.complete(childTask, [last]);
    await eventOf("parent", kind);
    const kinds = kindsOf(await it.eventsOf("parent"));
    expect(kinds).toEqual(["workflowStarted", "childWorkflowInitiated", "childWorkflowStarted", kind]);
    expect((await it.get("parent")).pendingChildren).toEqual([]);
    expect(await cluster.run("select * from messages")).toEqual([]);
  });

  test("the parent gets one childWorkflowTerminated, childWorkflowCancelled or childWorkflowTimedOut", async () => {
    await family({}, { runTimeout: ms(60_000) });
    expect((await it.get("parent")).waitingFor).toEqual(['Waits for its child "child" to end.']);
    await it.terminate("child");
    await eventOf("parent", "childWorkflowTerminated");
    await it.complete(await it.take(), [
      startChild(2, "second", {
        spec: { workflowId: "second", workflowType: "order", runTimeout: ms(60_000) },
      }),
    ]);
    await eventOf("parent", "childWorkflowStarted");
    await it.cancel("second");
    await eventOf("parent", "childWorkflowCancelled");
    await it.complete(await it.take(), [
      startChild(3, "third", {
        spec: { workflowId: "third", workflowType: "order", runTimeout: ms(60_000) },
      }),
    ]);
    await until("it has come to it", async () => (await it.eventsOf("third").catch(() => [])).length > 0);
    cluster.moveTime(61_000);
    await server.upkeep.wakeDueRuns();
    await eventOf("parent", "childWorkflowTimedOut");
    expect((await it.get("third")).workflow?.status).toBe(WorkflowStatus.TIMED_OUT);
  });

  test("a child knows its parent and root, and is listed with it", async () => {
    await family();
    const parent = (await it.get("parent")).workflow;
    const { workflow: child } = await it.get("child");
    expect(child?.parent?.runId).toBe(parent?.runId);
    expect(child?.root?.workflowId).toBe("parent");
    const request = create(wf.ListChildWorkflowsRequestSchema, {
      namespace,
      workflowId: "parent",
      pageSize: 10,
    });
    const { workflows } = await server.operations.listChildWorkflows(request, callOf());
    expect(workflows?.map(({ workflowId }) => workflowId)).toEqual(["child"]);
  });

  test("a child whose id is taken fails to start", async () => {
    await it.start("child");
    await it.take();
    await it.start("parent");
    await it.complete(await it.take(), [startChild(1, "child")]);
    const failed = await eventOf("parent", "childWorkflowStartFailed");
    expect(failed.kind.value).toMatchObject({ seq: 1, cause: ExternalFailureCause.WORKFLOW_EXISTS });
    expect((await it.get("parent")).pendingChildren).toEqual([]);
  });

  test("a child in a namespace that does not exist fails to start, behind all commands of the task", async () => {
    await it.start("parent");
    await it.complete(await it.take(), [
      startChild(1, "child", { namespace: "nowhere" }),
      startChild(2, "other"),
    ]);
    expect(kindsOf(await it.eventsOf("parent")).slice(0, 4)).toEqual([
      "workflowStarted",
      "childWorkflowInitiated",
      "childWorkflowInitiated",
      "childWorkflowStartFailed",
    ]);
  });

  test.each([
    [ParentClosePolicy.TERMINATE, "workflowTerminated"],
    [ParentClosePolicy.REQUEST_CANCEL, "workflowCancelRequested"],
  ])("parent-close policy %s reaches the child", async (parentClosePolicy, kind) => {
    const { childTask } = await family({ parentClosePolicy });
    await it.fail(childTask);
    await it.terminate("parent");
    await eventOf("child", kind as "workflowTerminated");
  });

  test("an abandoned child goes on, and its parent's end is no matter to it", async () => {
    const { childTask } = await family({ parentClosePolicy: ParentClosePolicy.ABANDON });
    await it.terminate("parent");
    expect(errorOf(await it.complete(childTask, [completeWorkflow]))).toBeUndefined();
    await until("it has come to it", async () => (await cluster.run("select * from messages")).length === 0);
    expect(kindsOf(await it.eventsOf("parent")).at(-1)).toBe("workflowTerminated");
  });

  test("a policy reaches a child whose start has not arrived yet, behind it", async () => {
    await it.start("parent");
    const task = await it.take();
    await it.complete(task, [startChild(1, "child"), completeWorkflow]);
    await eventOf("child", "workflowTerminated");
    expect(kindsOf(await it.eventsOf("child"))).toEqual(["workflowStarted", "workflowTerminated"]);
  });

  test("CancelChild asks the child, and the parent hears that it arrived", async () => {
    const { childTask } = await family();
    await it.complete(childTask, []);
    await it.signal("parent");
    await it.complete(await it.take(), [
      { seq: 2, kind: { case: "cancelChild", value: { childSeq: 1, reason: "enough" } } },
    ]);
    await eventOf("parent", "externalCancelDelivered");
    const requested = await eventOf("child", "workflowCancelRequested");
    expect(requested.kind.value).toMatchObject({ reason: "enough", externalRun: { workflowId: "parent" } });
  });

  test("outcomes that come while the parent's task is started are buffered, and refer to the child's start", async () => {
    await it.start("parent");
    await it.complete(await it.take(), [startChild(1, "child")], {});
    await eventOf("parent", "childWorkflowStarted");
    const parentTask = (await it.poll({ maxTasks: 2 })).find(({ workflowId }) => workflowId === "parent");
    await it.terminate("child");
    await until(
      "it has come to it",
      async () => (await cluster.run("select * from buffered_events")).length > 0,
    );
    await it.complete(parentTask, []);
    const events = await it.history("parent");
    const started = events.find(({ kind }) => kind.case === "childWorkflowStarted");
    expect(events.find(({ kind }) => kind.case === "childWorkflowTerminated")?.kind.value).toMatchObject({
      startedEventId: started?.eventId,
    });
  });
});

describe("other runs", () => {
  const target = (workflowId: string, rest: object = {}) => ({ workflowId, ...rest });

  test("a signal reaches another run once, and its sender hears so", async () => {
    await it.start("other");
    const otherTask = await it.take();
    await it.start("sender");
    await it.complete(await it.take(), [
      {
        seq: 1,
        kind: {
          case: "signalExternalWorkflow",
          value: { target: target("other"), name: "hello", payload: json('"x"') },
        },
      } as CommandInit,
    ]);
    await eventOf("sender", "externalSignalDelivered");
    await it.complete(otherTask, []);
    const signals = (await it.history("other")).filter(({ kind }) => kind.case === "signalReceived");
    expect(signals.map(({ kind }) => kind.value)).toMatchObject([
      { name: "hello", payload: json('"x"'), externalRun: { namespace, workflowId: "sender" } },
    ]);
  });

  test.each([
    ["signalExternalWorkflow", "externalSignalFailed"],
    ["cancelExternalWorkflow", "externalCancelFailed"],
  ] as const)("%s to nobody fails with the cause", async (command, failed) => {
    await it.start("sender");
    await it.complete(await it.take(), [
      { seq: 1, kind: { case: command, value: { target: target("nobody"), name: "hello" } } } as CommandInit,
      {
        seq: 2,
        kind: { case: command, value: { target: target("nobody", { namespace: "nowhere" }), name: "hello" } },
      } as CommandInit,
    ]);
    await until(
      "it has come to it",
      async () => kindsOf(await it.eventsOf("sender")).filter((kind) => kind === failed).length === 2,
    );
    const causes = (await it.eventsOf("sender")).flatMap(({ kind }) =>
      kind.case === failed ? [kind.value.cause] : [],
    );
    expect(causes.sort()).toEqual([
      ExternalFailureCause.WORKFLOW_NOT_FOUND,
      ExternalFailureCause.NAMESPACE_NOT_FOUND,
    ]);
    expect((await it.get("sender")).waitingFor).not.toContainEqual(expect.stringContaining("nobody"));
  });

  test("a run signals itself", async () => {
    await it.start("self");
    await it.complete(await it.take(), [
      {
        seq: 1,
        kind: { case: "signalExternalWorkflow", value: { target: target("self"), name: "again" } },
      } as CommandInit,
    ]);
    await eventOf("self", "externalSignalDelivered");
    expect(kindsOf(await it.eventsOf("self"))).toContain("signalReceived");
  });

  test("what the server that wrote a message did not deliver, another delivers", async () => {
    await it.start("other");
    await it.start("sender");
    const tasks = await it.poll({ maxTasks: 2 });
    const sender = tasks.find(({ workflowId }) => workflowId === "sender");
    await cluster.run(
      "create function refuse() returns trigger language plpgsql as $$ begin raise 'not yet'; end $$",
    );
    await cluster.run("create trigger hold before delete on messages for each row execute function refuse()");
    await it.complete(sender, [
      {
        seq: 1,
        kind: { case: "cancelExternalWorkflow", value: { target: target("other"), reason: "r" } },
      } as CommandInit,
    ]);
    await until("the delivery has failed", () => server.faults.length > 0);
    await cluster.run("drop trigger hold on messages");
    expect(await cluster.run("select * from messages")).toHaveLength(1);
    cluster.moveTime(2_001);
    await server.upkeep.deliverOverdue();
    await eventOf("sender", "externalCancelDelivered");
    expect(kindsOf(await it.eventsOf("other")).filter((kind) => kind === "workflowCancelRequested")).toEqual(
      [],
    );
    await it.fail(tasks.find(({ workflowId }) => workflowId === "other"));
    const requested = kindsOf(await it.eventsOf("other")).filter(
      (kind) => kind === "workflowCancelRequested",
    );
    expect(requested).toHaveLength(1);
  });
});
