import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { ResetReapply, UpdateStage } from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, ms, scheduleTimer } from "../support/actor.js";
import {
  idOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

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

afterAll(() => cluster.close());

describe("what lies behind the task", () => {
  /** A run with a signal and updates behind its first task, some of them while a task is started. */
  async function busyRun(): Promise<{ runId: string; startedEventId: number }> {
    await it.start("wf");
    const { runId, startedEventId } = await it.runTask(scheduleTimer(1, 3_600));
    await it.signal("wf", { name: "seen", requestId: "s-1" });
    await it.update("wf", { updateId: "answered", waitStage: UpdateStage.ADMITTED });
    const updateId = "answered";
    const outcome = { case: "result" as const, value: { body: { case: "json" as const, value: "1" } } };
    await it.runTask(
      { kind: { case: "acceptUpdate", value: { updateId } } },
      { kind: { case: "completeUpdate", value: { updateId, outcome } } },
    );
    await it.signal("wf", { name: "new" });
    await it.take();
    await it.signal("wf", { name: "buffered", requestId: "s-2" });
    await it.update("wf", { updateId: "waits", waitStage: UpdateStage.ADMITTED });
    return { runId, startedEventId };
  }

  /** The signals of the run that is open, with their origins. */
  async function signalsOf() {
    return (await it.history("wf")).flatMap(({ kind }) =>
      kind.case === "signalReceived" ? [[kind.value.name, kind.value.originRunId] as const] : [],
    );
  }

  test("are signals and updates, which the new run gets, buffered ones too", async () => {
    const { runId, startedEventId } = await busyRun();
    await it.reset("wf", startedEventId);
    expect(await signalsOf()).toEqual([
      ["seen", runId],
      ["new", runId],
      ["buffered", runId],
    ]);
    const task = await it.take();
    expect(task.updates.map(({ updateId }) => updateId)).toEqual(["answered", "waits"]);
    const carried = (await it.history("wf")).findLast(({ kind }) => kind.case === "signalReceived");
    const base = await it.history("wf", runId);
    expect(carried?.kind.value).toMatchObject({ originEventId: idOf(base, "signalReceived", 3) });
  });

  test("are known when they are sent again", async () => {
    const { startedEventId } = await busyRun();
    await it.reset("wf", startedEventId);
    const before = await it.history("wf");
    await it.signal("wf", { name: "seen", requestId: "s-1" });
    await it.signal("wf", { name: "buffered", requestId: "s-2" });
    expect(await it.history("wf")).toEqual(before);
    expect(await reasonOf(it.signal("wf", { name: "other", requestId: "s-2" }))).toBe("REQUEST_ID_REUSED");
    expect(await it.update("wf", { updateId: "waits", waitStage: UpdateStage.ADMITTED })).toMatchObject({
      stage: UpdateStage.ADMITTED,
    });
  });

  test("are updates that somebody waits for, who is answered by the new run", async () => {
    const { runId, startedEventId } = await busyRun();
    const answer = it.updateResult("wf", { updateId: "waits", runId, wait: ms(20_000) });
    const made = await it.reset("wf", startedEventId);
    const updateId = "waits";
    const outcome = { case: "result" as const, value: { body: { case: "json" as const, value: "2" } } };
    await it.runTask(
      { kind: { case: "acceptUpdate", value: { updateId } } },
      { kind: { case: "completeUpdate", value: { updateId, outcome } } },
    );
    expect(await answer).toMatchObject({ runId: made.runId, outcome: { value: { body: { value: "2" } } } });
    const left = made.runId ?? "";
    await it.reset("wf", startedEventId, { reapply: ResetReapply.NOTHING, runId: left });
    expect(await it.updateResult("wf", { updateId, runId: left })).toMatchObject({
      outcome: { case: "result" },
    });
    expect(await it.updateResult("wf", { updateId: "answered", runId: left })).toMatchObject({
      outcome: { value: { message: "the run closed (TERMINATED) before it answered the update" } },
    });
  });

  test("are signals alone, or nothing, if that is asked for", async () => {
    const { runId, startedEventId } = await busyRun();
    const first = await it.reset("wf", startedEventId, { reapply: ResetReapply.SIGNALS });
    expect((await signalsOf()).map(([name]) => name)).toEqual(["seen", "new", "buffered"]);
    const task = await it.take();
    expect(task.updates).toEqual([]);
    await it.reset("wf", startedEventId, { reapply: ResetReapply.NOTHING, runId });
    expect(await signalsOf()).toEqual([]);
    expect((await it.get("wf", first.runId)).workflow?.status).toBe(WorkflowStatus.TERMINATED);
  });

  test("keep their first origin when the run is reset once more", async () => {
    const { runId, startedEventId } = await busyRun();
    await it.reset("wf", startedEventId);
    await it.runTask();
    await it.reset("wf", startedEventId);
    expect(await signalsOf()).toEqual([
      ["seen", runId],
      ["new", runId],
      ["buffered", runId],
    ]);
  });

  test("keys from before the task are known to the new run", async () => {
    await it.start("wf");
    await it.signal("wf", { name: "early", requestId: "s-0" });
    const { startedEventId } = await it.runTask();
    await it.reset("wf", startedEventId);
    const before = await it.history("wf");
    await it.signal("wf", { name: "early", requestId: "s-0" });
    expect(await it.history("wf")).toEqual(before);
  });
});
