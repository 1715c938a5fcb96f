import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import {
  GetHistoryRequestSchema,
  GetHistoryResponseSchema,
  UpdateStage,
} from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, completeWorkflow, json, ms } from "../support/actor.js";
import {
  type CommandInit,
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
  await it.start("wf");
  const [first] = await it.poll();
  await it.complete(first, []);
});
afterAll(() => cluster.close());

const accept = (updateId: string): CommandInit => ({ kind: { case: "acceptUpdate", value: { updateId } } });
const reject = (updateId: string): CommandInit => ({
  kind: { case: "rejectUpdate", value: { updateId, failure: { message: "too much" } } },
});
const answer = (updateId: string): CommandInit => ({
  kind: { case: "completeUpdate", value: { updateId, outcome: { case: "result", value: json('"set"') } } },
});

/** Takes the next task, which must bring these updates. */
async function takeUpdates(...ids: string[]): Promise<WorkflowTask | undefined> {
  const [task] = await it.poll();
  expect(task?.updates.map(({ updateId }) => updateId)).toEqual(ids);
  return task;
}

describe("UpdateWorkflow", () => {
  test("answers with what the run's code says; history has what was asked and what was answered", async () => {
    const asked = it.update("wf", { updateId: "u1", input: json("7"), identity: "me" });
    const task = await takeUpdates("u1");
    expect(task?.updates[0]).toMatchObject({ name: "set", input: json("7"), identity: "me" });
    await it.complete(task, [accept("u1"), answer("u1")]);
    expect(await asked).toMatchObject({
      updateId: "u1",
      stage: UpdateStage.COMPLETED,
      outcome: { case: "result", value: json('"set"') },
    });
    expect(kindsOf(await it.history("wf")).slice(-3)).toEqual([
      "workflowTaskCompleted",
      "updateAccepted",
      "updateCompleted",
    ]);
  });

  test("is rejected by the run's code with its failure, and no event", async () => {
    const asked = it.update("wf", { updateId: "u1" });
    const task = await takeUpdates("u1");
    await it.complete(task, [reject("u1")]);
    const rejected = {
      stage: UpdateStage.COMPLETED,
      outcome: { case: "failure", value: { message: "too much" } },
    };
    expect(await asked).toMatchObject(rejected);
    expect(kindsOf(await it.history("wf")).at(-1)).toBe("workflowTaskCompleted");
    const other = await cluster.open();
    expect(await actor(other, namespace).updateResult("wf", { updateId: "u1" })).toMatchObject(rejected);
    expect(await it.update("wf", { updateId: "u1" })).toMatchObject(rejected);
    await other.stop();
  });

  test("waits no further than asked, and GetUpdateResult for the rest, at another server", async () => {
    const admitted = await it.update("wf", { updateId: "u1", waitStage: UpdateStage.ADMITTED });
    expect(admitted?.stage).toBe(UpdateStage.ADMITTED);
    const accepting = it.update("wf", { updateId: "u1", waitStage: UpdateStage.ACCEPTED });
    const task = await takeUpdates("u1");
    await it.complete(task, [accept("u1")]);
    expect((await accepting)?.stage).toBe(UpdateStage.ACCEPTED);
    const other = await cluster.open();
    const result = actor(other, namespace).updateResult("wf", { updateId: "u1" });
    await it.signal("wf");
    const [next] = await it.poll();
    await it.complete(next, [answer("u1")]);
    expect(await result).toMatchObject({ stage: UpdateStage.COMPLETED, outcome: { value: json('"set"') } });
    await other.stop();
  });

  test("ends its wait with how far the update has come", async () => {
    const update = await it.update("wf", { updateId: "u1", wait: ms(20) });
    expect(update).toMatchObject({ stage: UpdateStage.ADMITTED, outcome: { case: undefined } });
  });

  test("makes an id where none is given", async () => {
    const first = await it.update("wf", { waitStage: UpdateStage.ADMITTED });
    const second = await it.update("wf", { waitStage: UpdateStage.ADMITTED });
    expect(first?.updateId).not.toBe(second?.updateId);
    await takeUpdates(first?.updateId ?? "", second?.updateId ?? "");
  });

  test("survives its server: another brings it to a worker", async () => {
    await it.update("wf", { updateId: "u1", waitStage: UpdateStage.ADMITTED });
    const other = await cluster.open();
    const [task] = await actor(other, namespace).poll();
    expect(task?.updates.map(({ updateId }) => updateId)).toEqual(["u1"]);
    await actor(other, namespace).complete(task, [accept("u1"), answer("u1")]);
    await other.stop();
    expect((await it.updateResult("wf", { updateId: "u1" }))?.stage).toBe(UpdateStage.COMPLETED);
  });

  test("fails when the run closes first, whether it was accepted or not", async () => {
    const accepted = it.update("wf", { updateId: "u1" });
    const task = await takeUpdates("u1");
    const unseen = it.update("wf", { updateId: "u2" });
    await it.update("wf", { updateId: "u2", waitStage: UpdateStage.ADMITTED });
    await it.complete(task, [accept("u1"), completeWorkflow]);
    const message = "the run closed (COMPLETED) before it answered the update";
    for (const update of [await accepted, await unseen])
      expect(update).toMatchObject({
        stage: UpdateStage.COMPLETED,
        outcome: { case: "failure", value: { message } },
      });
    expect(await reasonOf(it.update("wf", { updateId: "u3" }))).toBe("WORKFLOW_CLOSED");
  });

  test("of a large request leaves history to be read by its token", async () => {
    await it.update("wf", {
      updateId: "u1",
      input: json(JSON.stringify("x".repeat(1_900_000))),
      waitStage: UpdateStage.ADMITTED,
    });
    const [task] = await it.poll();
    expect(task?.updates).toHaveLength(1);
    expect(task?.history).toEqual([]);
    const request = create(GetHistoryRequestSchema, {
      namespace,
      workflowId: "wf",
      pageToken: task?.nextPageToken ?? "",
    });
    const page = create(GetHistoryResponseSchema, await server.operations.getHistory(request, callOf()));
    expect(page.events.at(-1)?.eventId).toBe(task?.startedEventId);
  });

  test.each<[string, object, string]>([
    ["an unknown workflow", { workflowId: "nobody" }, "WORKFLOW_NOT_FOUND"],
    ["another namespace", { namespace: "main" }, "WORKFLOW_NOT_FOUND"],
    ["an unknown namespace", { namespace: "nowhere" }, "NAMESPACE_NOT_FOUND"],
    ["an id of U+0000", { updateId: "\0" }, "INVALID_FIELD"],
  ])("is refused: %s", async (_what, rest, reason) => {
    expect(await reasonOf(it.update("wf", { updateId: "u1", ...rest }))).toBe(reason);
  });

  test("knows its id: other content is refused, and GetUpdateResult says what is not there", async () => {
    await it.update("wf", { updateId: "u1", waitStage: UpdateStage.ADMITTED });
    expect(await reasonOf(it.update("wf", { updateId: "u1", input: json("8") }))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(it.updateResult("wf", { updateId: "u2" }))).toBe("UPDATE_NOT_FOUND");
  });
});
