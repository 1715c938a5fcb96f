import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { type HistoryEvent, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { ResetReapply } from "../../gen/pawl/v1/workflow_service_pb.js";
import { startActivity } from "../../src/core/activity.js";
import { cancelWorkflow } from "../../src/core/cancel.js";
import { noLaterEvents, noteLaterEvent } from "../../src/core/reset/later-events.js";
import { findResetPoint } from "../../src/core/reset/reset-point.js";
import { checkReset, hasMovedOn, resetWorkflow } from "../../src/core/reset/reset-workflow.js";
import { signalWorkflow } from "../../src/core/signal.js";
import { admitUpdate } from "../../src/core/update.js";
import { child, json, parentOf, seconds, signalStart } from "./between-runs.js";
import { replayAll, reset, resetInput } from "./reset-world.js";
import { caller, commands, contextAt, newScenario, poller, reasonOf, unknownWorkflow } from "./scenario.js";
import { newWorld, type World } from "./world.js";

const event = (
  eventId: number,
  kind: NonNullable<Parameters<typeof create<typeof HistoryEventSchema>>[1]>["kind"] = { case: undefined },
): HistoryEvent => create(HistoryEventSchema, { eventId, kind } as never);

function signal(world: World, workflowId: string, name: string, requestId = ""): void {
  const { signal: input } = signalStart(name, requestId);
  world.apply(workflowId, (run, context) => signalWorkflow(run, { ...input, requestId }, context));
}

function update(world: World, workflowId: string, updateId: string, rest: object = {}): void {
  const request = create(UpdateRequestSchema, { updateId, name: "set", ...rest });
  world.apply(workflowId, (run, context) => admitUpdate(run, { request, contentHash: "h" }, context));
}

describe("the point of a reset", () => {
  const ask = (asked: HistoryEvent | undefined, next?: HistoryEvent) =>
    findResetPoint({ eventId: 5, event: asked, next, historyLength: 4 });

  it("is the end of a workflow task, or the start of one that has ended", () => {
    const value = { scheduledEventId: 3, startedEventId: 4 };
    for (const kind of ["workflowTaskCompleted", "workflowTaskFailed", "workflowTaskTimedOut"] as const)
      expect(ask(event(5, { case: kind, value }))).toBe(4);
    expect(ask(event(5, { case: "workflowTaskStarted", value: {} }), event(6))).toBe(5);
  });

  it.each([
    ["an event that is not there", undefined, "has only 4 events"],
    ["a task that nobody took", event(5, { case: "workflowTaskTimedOut", value: {} }), "no worker"],
    ["a task that is still started", event(5, { case: "workflowTaskStarted", value: {} }), "has not ended"],
    ["another event", event(5, { case: "timerFired", value: {} }), "it is a TimerFired"],
    ["an unknown event", event(5), "does not know"],
  ])("is not %s", (_what, asked, why) => {
    expect(reasonOf(() => ask(asked))).toBe("RESET_POINT_INVALID");
    expect(() => ask(asked)).toThrow(why);
  });
});

describe("a reset", () => {
  it("gives the new run the times and ids that it is due, and tells the reason", () => {
    const world = newWorld();
    world.start("w", { runTimeout: seconds(60), executionTimeout: seconds(3_600), startDelay: seconds(1) });
    world.now += 1_000_000;
    world.runTask("w", commands.timer(1, 5));
    world.now += 30_000_000;
    const base = world.run("w");
    expect(reset(world, "w", { reason: "a bug" })).toBe("reset");
    const { settings, startedAt, timers } = world.run("w");
    expect(settings).toMatchObject({ previousRunId: base.runId, resetFromRunId: base.runId });
    expect(settings.firstTaskAt).toBeUndefined();
    expect(settings.expiresAt).toBe(startedAt + 60_000_000);
    expect(settings.executionExpiresAt).toBe(base.settings.executionExpiresAt);
    expect(timers.size).toBe(0);
    expect(world.last("w", "workflowTaskFailed").failure?.message).toBe("a bug");
    expect(world.history(base.runId).at(-1)?.kind.value).toMatchObject({ reason: "reset: a bug" });
    world.now += 3_600_000_000;
    expect(reasonOf(() => reset(world, "w"))).toBe("RESET_POINT_INVALID");
  });

  it("makes do without a reason, and begins never earlier than what it has copied", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w", commands.done());
    const base = world.run("w");
    world.now -= 5_000_000;
    reset(world, "w");
    expect(world.last("w", "workflowTaskFailed").failure?.message).toBe("the run was reset");
    expect(world.run("w").startedAt).toBe(base.lastEventAt);
    expect(world.run("w").settings.expiresAt).toBeUndefined();
    world.takeTask("w");
    world.complete("w", []);
    reset(world, "w", { runId: "third" });
    expect(world.history("reset").at(-1)?.kind.value).toMatchObject({ reason: "reset", isReset: true });
  });

  it("is known by its request id, and nothing of it is done twice", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    const base = world.run("w");
    reset(world, "w", { requestId: "r", requestHash: "h" });
    expect(reset(world, "w", { base, requestId: "r", requestHash: "h", runId: "other" })).toBe("reset");
    expect(world.history("other")).toEqual([]);
    const reuse = () => reset(world, "w", { base, requestId: "r", requestHash: "g" });
    expect(reasonOf(reuse)).toBe("REQUEST_ID_REUSED");
    const malformed = { requestId: "\0", caller };
    expect(reasonOf(() => checkReset(malformed))).toBe("INVALID_FIELD");
  });

  it("sees that its base has gone on since it was read", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w", commands.timer(1, 9));
    const base = world.run("w");
    const input = resetInput(base, world.history(base.runId));
    const workflow = { ...unknownWorkflow, workflowId: "w", run: base };
    expect(hasMovedOn(workflow, input)).toBe(false);
    signal(world, "w", "a");
    const later = world.run("w");
    expect(hasMovedOn({ ...workflow, run: later }, input)).toBe(true);
    expect(hasMovedOn({ ...workflow, run: { ...base, runId: "next" } }, input)).toBe(true);
    const closed = { ...base, status: WorkflowStatus.COMPLETED };
    expect(hasMovedOn({ ...workflow, run: undefined }, { base: closed })).toBe(false);
  });

  it("makes a run where the workflow has none any more", () => {
    const { state, history } = newScenario();
    const scenario = newScenario();
    scenario.runTask(commands.done());
    const input = resetInput(scenario.state, scenario.history, { runId: "new" });
    const { runs, outcome } = resetWorkflow(unknownWorkflow, input, contextAt(scenario.now));
    expect(outcome.runId).toBe("new");
    expect(runs).toHaveLength(1);
    expect(history[0]?.eventId).toBe(state.nextEventId - 2);
  });

  it("makes no run in a namespace that is being deleted", () => {
    const scenario = newScenario();
    scenario.runTask(commands.done());
    const input = resetInput(scenario.state, scenario.history, { runId: "new" });
    const ending = { ...unknownWorkflow, isEnding: true };
    expect(reasonOf(() => resetWorkflow(ending, input, contextAt(scenario.now)))).toBe("NAMESPACE_IN_USE");
  });

  it("tries activities anew, for no longer than the new run may take; one that was asked to cancel has ended", () => {
    const world = newWorld();
    world.start("w", { runTimeout: seconds(100) });
    world.runTask(
      "w",
      commands.activity(1, { scheduleToCloseTimeout: seconds(10) }),
      commands.activity(2),
      commands.activity(3),
    );
    for (const seq of [1, 3])
      world.apply("w", (run, context) => startActivity(run, { seq, poller: poller(`a${seq}`) }, context));
    signal(world, "w", "a");
    world.runTask("w", commands.cancelActivity(3));
    signal(world, "w", "b");
    world.now += 50_000_000;
    world.runTask("w");
    reset(world, "w", { n: 3 });
    const { activities, startedAt } = world.run("w");
    expect([...activities.keys()]).toEqual([1, 2]);
    expect(activities.get(1)).toMatchObject({
      attempt: 1,
      lease: undefined,
      expiresAt: startedAt + 10_000_000,
    });
    expect(activities.get(2)?.expiresAt).toBe(startedAt + 100_000_000);
    expect(world.last("w", "activityCancelled")).toMatchObject({ seq: 3, startedEventId: 0 });
  });

  it("keeps a time without end for activities that have one", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w", commands.activity(1));
    signal(world, "w", "a");
    world.runTask("w");
    reset(world, "w", { n: 2 });
    expect(world.run("w").activities.get(1)?.expiresAt).toBeUndefined();
  });

  it("gives signals with their first origin and their keys, buffered ones too", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    signal(world, "w", "a", "ra");
    world.takeTask("w");
    signal(world, "w", "b", "rb");
    const base = world.run("w");
    reset(world, "w");
    const names = () =>
      world
        .history(world.run("w").runId)
        .flatMap(({ kind }) =>
          kind.case === "signalReceived"
            ? [[kind.value.name, kind.value.originRunId, kind.value.originEventId]]
            : [],
        );
    const closing = world
      .history(base.runId)
      .flatMap(({ eventId, kind }) => (kind.case === "signalReceived" ? [eventId] : []));
    expect(names()).toEqual([
      ["a", base.runId, closing[0]],
      ["b", base.runId, closing[1]],
    ]);
    expect([...world.run("w").keys.keys()]).toEqual(["signal:ra", "signal:rb"]);
    const before = names();
    reset(world, "w", { base: world.run("w"), runId: "second" });
    expect(names()).toEqual(before);
    reset(world, "w", { runId: "third", reapply: ResetReapply.NOTHING });
    expect(names()).toEqual([]);
  });

  it("admits updates once more: those that were accepted, and those that waited", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    const header = { fields: { a: json("1") } };
    update(world, "w", "early", { input: json("1"), header });
    const accept = (updateId: string) => ({ kind: { case: "acceptUpdate" as const, value: { updateId } } });
    world.runTask("w", accept("early"));
    update(world, "w", "late", { input: json("2"), header });
    world.runTask("w", accept("late"));
    update(world, "w", "waits");
    const base = world.run("w");
    const ids = () =>
      [...world.run("w").updates.values()].map(({ updateId, acceptedEventId }) => [
        updateId,
        acceptedEventId,
      ]);
    reset(world, "w", { n: 3 });
    expect(ids()).toEqual([
      ["early", 8],
      ["late", undefined],
      ["waits", undefined],
    ]);
    expect(world.run("w").updates.get("late")?.request).toMatchObject({ updateId: "late", input: json("2") });
    reset(world, "w", { base: world.run("w"), n: 3, reapply: ResetReapply.SIGNALS, runId: "second" });
    expect(ids()).toEqual([["early", 8]]);
    expect(base.updates.size).toBe(3);
  });

  it("is refused for more updates than a run may have, or more events than one call can give", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    const large = { input: json(`"${"x".repeat(600_000)}"`) };
    for (const id of ["a", "b"]) {
      update(world, "w", id, large);
      world.runTask("w", { kind: { case: "acceptUpdate", value: { updateId: id } } });
    }
    expect(reasonOf(() => reset(world, "w"))).toBe("PENDING_LIMIT");
    const later = noLaterEvents();
    const { run: point } = replayAll(world.run("w"), []);
    const give = (bytes: number) =>
      noteLaterEvent(
        later,
        { event: event(9, { case: "signalReceived", value: { name: "s" } }), bytes: new Uint8Array(bytes) },
        { point, reapply: ResetReapply.SIGNALS },
      );
    give(16 * 1024 * 1024);
    expect(reasonOf(() => give(1))).toBe("CALL_LIMIT");
  });

  it("does not carry a cancellation over that was requested behind the task, but one from before it", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    const input = { reason: "", cancelPending: false, requestId: "", contentHash: "", caller };
    world.apply("w", (run, context) => cancelWorkflow(run, input, context));
    world.runTask("w");
    reset(world, "w", { n: 2 });
    expect(world.run("w").cancelRequestedEventId).toBeDefined();
    reset(world, "w", { runId: "second" });
    expect(world.run("w").cancelRequestedEventId).toBeUndefined();
  });

  it("gives nothing of what the point knows nothing of", () => {
    const world = newWorld();
    world.start("w");
    world.runTask("w");
    const events = [
      event(5, { case: "childWorkflowStarted", value: { seq: 1 } }),
      event(6, { case: "timerFired", value: { seq: 2 } }),
    ];
    reset(world, "w", { later: { events, bytes: 0, hasSnapshot: false } });
    expect(world.kinds("w")).toEqual(["workflowStarted"]);
  });

  it("tells the parent of an open run of another chain that it has ended", () => {
    const world = parentOf();
    world.start("c");
    world.runTask("c", commands.done());
    const base = world.run("c");
    signal(world, "p", "go");
    world.runTask("p", child(1));
    world.deliver();
    reset(world, "c", { base });
    world.deliver();
    expect(world.kinds("p").at(-1)).toBe("childWorkflowTerminated");
  });
});

describe("a history that is gone through", () => {
  it("may leave out what old servers did not write", () => {
    const { state } = newScenario();
    const { run, children, externalRequests, activities, timers } = replayAll(state, [
      event(1, { case: "workflowStarted", value: { runId: state.runId } }),
      event(2, { case: "activityScheduled", value: { seq: 1 } }),
      event(3, { case: "timerScheduled", value: { seq: 2 } }),
      event(4, { case: "childWorkflowInitiated", value: { seq: 3, namespace: "gone" } }),
      event(5, { case: "externalSignalInitiated", value: { seq: 4 } }),
      event(6, { case: "activityCancelRequested", value: { seq: 9 } }),
      event(7, { case: "childWorkflowStarted", value: { seq: 9 } }),
    ]);
    expect([run.nextEventId, run.lastSeq, run.lastEventAt]).toEqual([8, 9, 0]);
    expect(activities.get(1)).toMatchObject({ startToCloseMs: 0, expiresAt: undefined });
    expect(timers.get(2)?.fireAt).toBe(0);
    expect(children.get(3)).toMatchObject({ namespaceId: "ns", workflowId: "", workflowType: "" });
    expect(externalRequests.get(4)?.target).toEqual({ namespace: "", workflowId: "", runId: "" });
  });
});
