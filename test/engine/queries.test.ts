import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, completeWorkflow, json, ms, tokenOf } from "../support/actor.js";
import {
  callOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
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

async function query(workflowId: string, rest: object = {}, at = server, deadlineMs?: number) {
  const request = create(wf.QueryWorkflowRequestSchema, { namespace, workflowId, name: "state", ...rest });
  const call = { ...callOf(), ...(deadlineMs === undefined ? {} : { deadlineAt: Date.now() + deadlineMs }) };
  return create(wf.QueryWorkflowResponseSchema, await at.operations.queryWorkflow(request, call));
}

function answer(task: WorkflowTask | undefined, result: string, at = server, its = namespace) {
  const queryId = task?.queries[0]?.queryId ?? "";
  const request = create(wk.AnswerQueriesRequestSchema, {
    namespace: its,
    answers: [{ queryId, outcome: { case: "result", value: json(result) } }],
  });
  return at.operations.answerQueries(request, callOf());
}

/** A run with one task done, and nothing pending. */
async function idle(workflowId = "wf"): Promise<void> {
  await it.start(workflowId);
  const [task] = await it.poll();
  await it.complete(task, []);
}

describe("QueryWorkflow", () => {
  test("goes straight to a worker that waits, with the history, and leaves no event", async () => {
    await idle();
    const before = (await it.history("wf")).length;
    const polling = it.poll();
    await until("the poll or the query is there", () => server.held().waitingPolls === 1);
    const asked = query("wf", { input: json("1") });
    const [task] = await polling;
    expect(task).toMatchObject({
      isQueryOnly: true,
      workflowId: "wf",
      queries: [{ name: "state", input: json("1") }],
    });
    expect(task?.taskToken).toHaveLength(0);
    expect(task?.history).toHaveLength(before);
    await answer(task, '"fine"');
    expect(await asked).toMatchObject({
      outcome: { case: "result", value: json('"fine"') },
      status: WorkflowStatus.RUNNING,
    });
    expect(await it.history("wf")).toHaveLength(before);
    expect(server.held().queries).toBe(0);
  });

  test("waits for a worker that was there a moment ago", async () => {
    await idle();
    const asked = query("wf");
    await until("the poll or the query is there", () => server.held().queries === 1);
    const polling = it.poll();
    const [task] = await polling;
    await answer(task, "2");
    expect((await asked).outcome).toMatchObject({ value: json("2") });
  });

  test("goes with the pending workflow task, so that it sees every earlier event", async () => {
    await it.start("wf");
    await it.poll({ wait: ms(0), workflowTypes: ["other"] });
    const asked = query("wf");
    await until("the poll or the query is there", () => server.held().queries === 1);
    await it.signal("wf");
    const [task] = await it.poll();
    expect(task?.isQueryOnly).toBe(false);
    expect(task?.queries).toHaveLength(1);
    expect(task?.history.some(({ kind }) => kind.case === "signalReceived")).toBe(true);
    const request = create(wk.CompleteWorkflowTasksRequestSchema, {
      namespace,
      completions: [
        {
          taskToken: tokenOf(task),
          queryAnswers: [
            {
              queryId: task?.queries[0]?.queryId ?? "",
              outcome: { case: "failure", value: { message: "no handler" } },
            },
          ],
        },
      ],
    });
    await server.operations.completeWorkflowTasks(request, callOf());
    expect((await asked).outcome).toMatchObject({ case: "failure", value: { message: "no handler" } });
  });

  test("waits while a worker holds the task, and is answered behind it", async () => {
    await it.start("wf");
    const [held] = await it.poll();
    const asked = query("wf");
    await until("the poll or the query is there", () => server.held().queries === 1);
    await it.complete(held, []);
    const [task] = await it.poll();
    expect(task?.isQueryOnly).toBe(true);
    await answer(task, "3");
    expect((await asked).outcome).toMatchObject({ value: json("3") });
  });

  test("is given to another poll when the one that had it has gone", async () => {
    await idle();
    const leaving = new AbortController();
    const polling = it.poll({}, leaving.signal);
    await until("the poll or the query is there", () => server.held().waitingPolls === 1);
    const asked = query("wf");
    leaving.abort();
    await polling;
    const [task] = await it.poll();
    await answer(task, "4");
    expect((await asked).outcome).toMatchObject({ value: json("4") });
  });

  test("works on a closed run, unless that is refused", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.complete(task, [completeWorkflow]);
    const notOpen = { rejectCondition: wf.QueryRejectCondition.NOT_OPEN };
    expect(await reasonOf(query("wf", notOpen))).toBe("WORKFLOW_CLOSED");
    const asked = query("wf", { rejectCondition: wf.QueryRejectCondition.NOT_COMPLETED_CLEANLY });
    const [given] = await it.poll();
    await answer(given, "5");
    expect(await asked).toMatchObject({ outcome: { value: json("5") }, status: WorkflowStatus.COMPLETED });
    await it.start("other");
    await it.terminate("other");
    const unclean = { rejectCondition: wf.QueryRejectCondition.NOT_COMPLETED_CLEANLY };
    expect(await reasonOf(query("other", unclean))).toBe("WORKFLOW_CLOSED");
  });

  test("where no worker was seen for a while, is refused at once, or answered with the snapshot", async () => {
    await it.start("wf");
    expect(await reasonOf(query("wf"))).toBe("NO_WORKER");
    expect(await reasonOf(query("wf", { allowSnapshot: true }))).toBe("NO_WORKER");
    const snapshot = { seq: 1, command: { asOfEventId: 1, state: json('{"a":1}') } };
    const request = create(wk.CreateSnapshotRequestSchema, { namespace, workflowId: "wf", ...snapshot });
    await server.operations.createSnapshot(request, callOf());
    expect((await query("wf", { allowSnapshot: true })).outcome).toMatchObject({
      case: "snapshot",
      value: json('{"a":1}'),
    });
  });

  test("where only workers of other types are registered, is refused at once", async () => {
    await it.start("wf");
    await it.register("w1", { taskQueues: ["default"], workflowTypes: ["other"] });
    expect(await reasonOf(query("wf"))).toBe("NO_WORKER");
    await it.register("w2", { taskQueues: ["default"], workflowTypes: ["order"] });
    const asked = query("wf");
    await until("the poll or the query is there", () => server.held().queries === 1);
    const [task] = await it.poll({ workerId: "w2" });
    await it.complete(task, []);
    await answer(task, "6");
    expect((await asked).outcome).toMatchObject({ value: json("6") });
  });

  test("ends before its caller's deadline if nobody answers", async () => {
    await idle();
    expect(await reasonOf(query("wf", {}, server, 700))).toBe("DEADLINE");
    expect(server.held().queries).toBe(0);
  });

  test("asked at one server is answered by a worker of another", async () => {
    const other = await cluster.open();
    await server.upkeep.beat();
    const there = actor(other, namespace);
    await idle();
    const polling = there.poll();
    await until("the poll or the query is there", () => other.held().waitingPolls === 1);
    const asked = query("wf");
    const [task] = await polling;
    expect(task?.isQueryOnly).toBe(true);
    await answer(task, "7", other);
    expect((await asked).outcome).toMatchObject({ value: json("7") });
    expect(await cluster.run("select * from pawl.queries")).toEqual([]);
    await other.stop();
    await server.upkeep.beat();
  });

  test("asked at one server goes with the workflow task that another gives out", async () => {
    const other = await cluster.open();
    await server.upkeep.beat();
    const there = actor(other, namespace);
    await it.start("wf");
    await there.poll({ wait: ms(0), workflowTypes: ["other"] });
    await it.poll({ wait: ms(0), workflowTypes: ["other"] });
    const asked = query("wf");
    await until("the poll or the query is there", () => other.held().queries === 1);
    const [task] = await there.poll();
    expect(task?.queries).toHaveLength(1);
    await answer(task, "8", server);
    expect((await asked).outcome).toMatchObject({ value: json("8") });
    await other.stop();
    await server.upkeep.beat();
  });

  test("can't be answered from another namespace, and an answer that nobody waits for is passed by", async () => {
    const elsewhere = await makeNamespace(server);
    await idle();
    const polling = it.poll();
    await until("the poll or the query is there", () => server.held().waitingPolls === 1);
    const asked = query("wf");
    const [task] = await polling;
    await answer(task, '"forged"', server, elsewhere);
    await answer(task, '"true"');
    expect((await asked).outcome).toMatchObject({ value: json('"true"') });
    await answer(task, '"late"');
    await answer(undefined, "1");
  });

  test.each<[string, object, string]>([
    ["an unknown workflow", { workflowId: "nobody" }, "WORKFLOW_NOT_FOUND"],
    ["another namespace", { namespace: "main" }, "WORKFLOW_NOT_FOUND"],
    ["an unknown namespace", { namespace: "nowhere" }, "NAMESPACE_NOT_FOUND"],
    ["an input that is no JSON", { input: json("{") }, "INVALID_PAYLOAD"],
    ["a name of U+0000", { name: "\0" }, "INVALID_FIELD"],
  ])("is refused: %s", async (_what, rest, reason) => {
    await it.start("wf");
    expect(await reasonOf(query("wf", rest))).toBe(reason);
  });

  test("whose answer is malformed is refused to the worker", async () => {
    await idle();
    const polling = it.poll();
    await until("the poll or the query is there", () => server.held().waitingPolls === 1);
    const asked = query("wf", {}, server, 800).catch((error: unknown) => error);
    const [task] = await polling;
    expect(await reasonOf(Promise.resolve(answer(task, "{")))).toBe("INVALID_PAYLOAD");
    await asked;
  });

  test("does not keep a blocked run's answers back", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.fail(task);
    const polling = it.poll();
    const asked = query("wf");
    const [given] = await polling;
    const isQuery = given?.isQueryOnly ?? false;
    expect(isQuery).toBe(true);
    await answer(given, "9");
    expect((await asked).outcome).toMatchObject({ value: json("9") });
  });
});
