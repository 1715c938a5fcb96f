import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ExternalFailureCause } from "../../gen/pawl/v1/event_pb.js";
import {
  ClosedIdPolicy,
  OpenIdPolicy,
  ParentClosePolicy,
  WorkflowStatus,
} from "../../gen/pawl/v1/workflow_pb.js";
import { type Actor, actor, completeWorkflow, ms } from "../support/actor.js";
import {
  type CommandInit,
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
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

beforeEach(async () => {
  it = actor(server, await makeNamespace(server));
});

afterAll(async () => {
  expect(server.faults).toEqual([]);
  await cluster.close();
});

function startChild(seq: number, workflowId: string, policies: object = {}, rest: object = {}): CommandInit {
  const spec = { workflowId, workflowType: "order", ...policies };
  return { seq, kind: { case: "startChildWorkflow", value: { spec, ...rest } } };
}

/** Takes the workflow task of a run, whatever else is ready. */
async function take(workflowId: string) {
  const tasks = await it.poll({ maxTasks: 10 });
  const task = tasks.find((one) => one.workflowId === workflowId);
  for (const other of tasks) if (other !== task) await it.complete(other, []);
  if (task === undefined) throw new Error(`${workflowId} has no workflow task`);
  return task;
}

/** Waits until no message is under way. */
const rest = () =>
  until("no message is under way", async () => (await cluster.run("select 1 from messages")).length === 0);

describe("a cycle of parents", () => {
  test("of one: a run that starts itself is told that its id is taken, and goes on", async () => {
    await it.start("self");
    await it.complete(await take("self"), [startChild(1, "self")]);
    await rest();
    const events = await it.eventsOf("self");
    expect(kindsOf(events)).toEqual([
      "workflowStarted",
      "childWorkflowInitiated",
      "childWorkflowStartFailed",
    ]);
    expect(events[2]?.kind.value).toMatchObject({ seq: 1, cause: ExternalFailureCause.WORKFLOW_EXISTS });
    expect(errorOf(await it.complete(await take("self"), [completeWorkflow]))).toBeUndefined();
  });

  test("of two: a child that starts its parent's id is told that it is taken, whatever it asks to join", async () => {
    await it.start("above");
    await it.complete(await take("above"), [startChild(1, "below")]);
    await rest();
    await it.complete(await take("below"), [
      startChild(1, "above"),
      startChild(2, "above", { openIdPolicy: OpenIdPolicy.USE_EXISTING }),
    ]);
    await rest();
    const failed = (await it.eventsOf("below")).filter(
      ({ kind }) => kind.case === "childWorkflowStartFailed",
    );
    expect(failed.map(({ kind }) => kind.value)).toMatchObject([
      { seq: 1, cause: ExternalFailureCause.WORKFLOW_EXISTS },
      { seq: 2, cause: ExternalFailureCause.WORKFLOW_EXISTS },
    ]);
    expect(kindsOf(await it.eventsOf("above"))).toEqual([
      "workflowStarted",
      "childWorkflowInitiated",
      "childWorkflowStarted",
    ]);
  });

  test("of one that takes its own place: the run it starts ends with it, as its parent-close policy says", async () => {
    const { runId = "" } = await it.start("self");
    const policies = { openIdPolicy: OpenIdPolicy.TERMINATE_EXISTING };
    await it.complete(await take("self"), [startChild(1, "self", policies)]);
    await rest();
    expect(kindsOf(await it.eventsOf("self", runId))).toEqual([
      "workflowStarted",
      "childWorkflowInitiated",
      "workflowTerminated",
    ]);
    const { workflow } = await it.get("self");
    expect(workflow?.parent?.runId).toBe(runId);
    expect(workflow?.status).toBe(WorkflowStatus.TERMINATED);
    expect(await it.poll({ wait: ms(0) })).toEqual([]);
  });

  test("of two of which the child takes its parent's place: both rest, and the child hears what became of its own", async () => {
    const { runId = "" } = await it.start("above");
    const abandoned = { parentClosePolicy: ParentClosePolicy.ABANDON };
    await it.complete(await take("above"), [startChild(1, "below", {}, abandoned)]);
    await rest();
    const policies = { openIdPolicy: OpenIdPolicy.TERMINATE_EXISTING };
    await it.complete(await take("below"), [startChild(1, "above", policies)]);
    await rest();
    expect((await it.eventsOf("above", runId)).at(-1)?.kind.case).toBe("workflowTerminated");
    await it.complete(await take("above"), [completeWorkflow]);
    await rest();
    expect(kindsOf(await it.eventsOf("below"))).toEqual([
      "workflowStarted",
      "childWorkflowInitiated",
      "childWorkflowStarted",
      "childWorkflowCompleted",
    ]);
    await it.complete(await take("below"), [completeWorkflow]);
    await rest();
    expect((await it.get("below")).workflow?.status).toBe(WorkflowStatus.COMPLETED);
  });
});

describe("a child whose id was used before", () => {
  test.each([
    [ClosedIdPolicy.REJECT, "childWorkflowStartFailed"],
    [ClosedIdPolicy.ALLOW_IF_FAILED, "childWorkflowStartFailed"],
    [ClosedIdPolicy.ALLOW, "childWorkflowStarted"],
  ])("by a run that has completed, under closed-id policy %s: %s", async (closedIdPolicy, kind) => {
    await it.start("used");
    await it.complete(await take("used"), [completeWorkflow]);
    await it.start("parent");
    await it.complete(await take("parent"), [startChild(1, "used", { closedIdPolicy })]);
    await rest();
    const last = (await it.eventsOf("parent")).at(-1);
    expect(last?.kind.case).toBe(kind);
    if (kind === "childWorkflowStartFailed")
      expect(last?.kind.value).toMatchObject({ seq: 1, cause: ExternalFailureCause.WORKFLOW_EXISTS });
  });
});

test.each([
  ["signalExternalWorkflow", "externalSignalFailed"],
  ["cancelExternalWorkflow", "externalCancelFailed"],
] as const)("%s to a run that has closed fails, and changes nothing of it", async (command, failed) => {
  const { runId = "" } = await it.start("closed");
  await it.complete(await take("closed"), [completeWorkflow]);
  await it.start("sender");
  const toRun = { target: { workflowId: "closed", runId }, name: "late" };
  const toAny = { target: { workflowId: "closed" }, name: "late" };
  await it.complete(await take("sender"), [
    { seq: 1, kind: { case: command, value: toRun } } as CommandInit,
    { seq: 2, kind: { case: command, value: toAny } } as CommandInit,
  ]);
  await rest();
  const told = (await it.eventsOf("sender")).filter(({ kind }) => kind.case === failed);
  expect(told.map(({ kind }) => kind.value)).toMatchObject([
    { seq: 1, cause: ExternalFailureCause.WORKFLOW_NOT_FOUND },
    { seq: 2, cause: ExternalFailureCause.WORKFLOW_NOT_FOUND },
  ]);
  expect(kindsOf(await it.eventsOf("closed"))).toEqual(["workflowStarted", "workflowCompleted"]);
});

test("a chain that does nothing but continue as new gets one task a second, however many runs it has had", async () => {
  await it.start("loop");
  const continueAsNew: CommandInit = { kind: { case: "continueAsNew", value: {} } };
  for (let run = 0; run < 4; run++) {
    await it.complete(await take("loop"), [continueAsNew]);
    // The clock goes on by itself, too: less than the rest of the second on any machine.
    cluster.moveTime(200);
    await server.upkeep.wakeDueRuns();
    expect(await it.poll({ wait: ms(0) })).toEqual([]);
    cluster.moveTime(801);
    await server.upkeep.wakeDueRuns();
  }
});

test("the result of a chain is waited for across continue-as-new, or told of each run alone if asked", async () => {
  const { runId = "" } = await it.start("chain");
  const followed = it.result("chain", { runId, wait: ms(20_000) });
  await it.complete(await take("chain"), [{ kind: { case: "continueAsNew", value: {} } }]);
  const alone = await it.result("chain", { runId, thisRunOnly: true, wait: ms(20_000) });
  expect(alone.outcome).toMatchObject({ runId, status: WorkflowStatus.CONTINUED_AS_NEW });
  cluster.moveTime(1_001);
  await server.upkeep.wakeDueRuns();
  await it.complete(await take("chain"), [completeWorkflow]);
  const { outcome } = await followed;
  expect(outcome?.status).toBe(WorkflowStatus.COMPLETED);
  expect(outcome?.runId).not.toBe(runId);
});
