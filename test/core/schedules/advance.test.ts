import { describe, expect, it } from "vitest";
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { defaultLimits } from "../../../src/core/limits.js";
import { advanceSchedule, triggerSchedule } from "../../../src/core/schedules/advance.js";
import { beginScheduledRun } from "../../../src/core/schedules/fire.js";
import { terminateWorkflow } from "../../../src/core/terminate.js";
import { wake } from "../../../src/core/wake.js";
import { json, micros, newSchedule } from "./schedule-world.js";

const first = "report-2026-01-01T12:01:00Z";

describe("a fire", () => {
  it("comes at its time and not before, once, and tells its run of it", () => {
    const world = newSchedule();
    expect(world.state.nextFireAt).toBe(micros("12:01:00"));
    world.advance("12:00:59.999");
    expect(world.started).toEqual([]);
    expect(world.advanceAll("12:01:00")).toBe(1);
    expect(world.ids()).toEqual(["12:01:00Z"]);
    expect(world.started[0]?.settings.schedule).toEqual({ scheduleId: "s", scheduledAt: micros("12:01:00") });
    world.advance("12:01:00");
    expect(world.started).toHaveLength(1);
    expect(world.state.nextFireAt).toBe(micros("12:02:00"));
    expect(world.state.progress.lastRuns).toMatchObject([{ workflowId: first, runId: "run-3" }]);
  });

  it("takes the schedule's id where no prefix is given", () => {
    const world = newSchedule({ workflow: { workflowType: "order" } });
    world.advance("12:01:00");
    expect(world.started[0]?.workflowId).toBe("s-2026-01-01T12:01:00Z");
  });

  it("is skipped if its workflow id was used before", () => {
    const world = newSchedule();
    world.taken.add(first);
    world.advance("12:01:00");
    expect(world.started).toEqual([]);
    expect(world.counts()).toEqual([1, 0]);
    expect(world.state.nextFireAt).toBe(micros("12:02:00"));
  });

  it("gives the run the last result, unless it would be too large with it", () => {
    const limits = { ...defaultLimits, maxEventBytes: 800 };
    const world = newSchedule({}, { limits });
    world.advance("12:01:00");
    const result = json('"done"');
    world.advance("12:01:10", world.end(first, { case: "workflowCompleted", value: { result } }));
    expect(world.state.lastResult).toEqual(result);
    const { events } = beginScheduledRun(
      world.state,
      { workflowId: "w", scheduledAt: 0 },
      world.at("12:02:00"),
    );
    expect(events[0]?.event.kind.value).toMatchObject({ lastResult: result, scheduleId: "s" });
    world.state = { ...world.state, lastResult: json(JSON.stringify("x".repeat(900))) };
    world.advance("12:02:00");
    expect(world.started).toHaveLength(2);
  });

  it("is skipped if its run could not start, and throws what is no refusal", () => {
    const world = newSchedule();
    const limits = { ...defaultLimits, maxEventBytes: 1 };
    const context = { ...world.at("12:01:00"), limits };
    const { after, started } = advanceSchedule(world.state, [], context);
    expect(started).toBeUndefined();
    expect(after?.progress.skippedCount).toBe(1);
    const broken = {
      ...context,
      newRunId: () => {
        throw new Error("broken");
      },
    };
    expect(() => advanceSchedule(world.state, [], broken)).toThrow("broken");
  });

  it("does not come when a schedule is looked at too early", () => {
    const world = newSchedule();
    world.state = { ...world.state, nextFireAt: 0 };
    const { state } = world;
    world.advance("12:00:40");
    expect(world.state).toBe(state);
  });

  it("needs a spec, as every schedule has one", () => {
    const { state, at } = newSchedule();
    const broken = { ...state, definition: { ...state.definition, spec: undefined } };
    expect(() => advanceSchedule(broken, [], at("12:01:00"))).toThrow("has no spec");
  });
});

describe("while the run of an earlier fire is open", () => {
  const opened = (overlapPolicy: OverlapPolicy) => {
    const world = newSchedule({ overlapPolicy });
    world.advance("12:01:00");
    world.advance("12:02:00");
    return world;
  };

  it("SKIP, which is the default, skips", () => {
    const world = opened(OverlapPolicy.UNSPECIFIED);
    expect([world.ids(), world.counts()]).toEqual([["12:01:00Z"], [1, 0]]);
    world.advance("12:02:10", world.end(first));
    world.advance("12:03:00");
    expect(world.ids()).toEqual(["12:01:00Z", "12:03:00Z"]);
  });

  it("QUEUE lets one wait", () => {
    const world = opened(OverlapPolicy.QUEUE);
    world.advance("12:03:00");
    expect([world.ids(), world.counts(), world.sent]).toEqual([["12:01:00Z"], [1, 0], []]);
    world.advance("12:03:10", world.end(first));
    expect(world.ids()).toEqual(["12:01:00Z", "12:02:00Z"]);
    expect(world.state.progress.waitingAt).toBeUndefined();
  });

  it("CANCEL_OLD asks the open run to cancel, once, and starts the newest fire at its end", () => {
    const world = opened(OverlapPolicy.CANCEL_OLD);
    world.advance("12:03:00");
    expect(world.sent).toMatchObject([
      {
        number: 1,
        sender: { workflowId: "s" },
        receiver: { namespaceId: "ns", workflowId: first, runId: "" },
        event: { kind: { case: "workflowCancelRequested" } },
      },
    ]);
    expect(world.counts()).toEqual([1, 0]);
    world.advance("12:03:10", world.end(first, { case: "workflowCancelled", value: {} }));
    expect(world.ids()).toEqual(["12:01:00Z", "12:03:00Z"]);
  });

  it("ALLOW_ALL starts another", () => {
    const world = opened(OverlapPolicy.ALLOW_ALL);
    expect(world.ids()).toEqual(["12:01:00Z", "12:02:00Z"]);
    expect(world.state.progress.lastRuns.map(({ scheduledAt }) => scheduledAt)).toEqual([
      ...[micros("12:02:00"), micros("12:01:00")],
    ]);
  });

  it("what waits is due at once if what was to start before it could not", () => {
    const world = opened(OverlapPolicy.QUEUE);
    world.taken.add("report-2026-01-01T12:02:00Z");
    world.advance("12:02:10", world.end(first));
    expect([world.ids(), world.counts()]).toEqual([["12:01:00Z"], [1, 0]]);
  });
});

describe("the end of a run", () => {
  it.each([
    ["workflowCompleted", WorkflowStatus.COMPLETED],
    ["workflowFailed", WorkflowStatus.FAILED],
    ["workflowCancelled", WorkflowStatus.CANCELLED],
    ["workflowTimedOut", WorkflowStatus.TIMED_OUT],
    ["workflowTerminated", WorkflowStatus.TERMINATED],
  ] as const)("is shown: %s", (kind, status) => {
    const world = newSchedule();
    world.advance("12:01:00");
    const end = world.end(first, { case: kind, value: {} });
    world.advance("12:01:10", end);
    expect(world.state.progress.lastRuns[0]?.status).toBe(status);
    const { state } = world;
    world.advance("12:01:10", end);
    expect(world.state).toBe(state);
  });

  it("is told by the last run of its chain", () => {
    const world = newSchedule({
      workflow: { workflowType: "order", runTimeout: { seconds: 5n }, retryPolicy: { maximumAttempts: 2 } },
    });
    world.state = { ...world.state, lastResult: json("7") };
    world.advance("12:01:00");
    const [run] = world.started;
    if (run === undefined) throw new Error("it has started");
    expect(run.retryStart?.lastResult).toEqual(json("7"));
    const failed = wake(run, world.at("12:01:06"));
    expect(failed.messages).toEqual([]);
    expect(failed.next?.events[0]?.event.kind.value).toMatchObject({
      scheduleId: "s",
      lastResult: json("7"),
    });
    const next = failed.next?.after;
    if (next === undefined) throw new Error("it is tried again");
    const { messages } = terminateWorkflow(
      next,
      {
        reason: "",
        details: undefined,
        requestId: "",
        contentHash: "",
        caller: { identity: "", principal: "" },
      },
      world.at("12:01:10"),
    );
    expect(messages).toMatchObject([
      {
        receiver: { namespaceId: "ns", workflowId: "s", isSchedule: true },
        event: { kind: { case: "workflowTerminated" } },
      },
    ]);
  });

  it("is shown with that run alone", () => {
    const world = newSchedule({ overlapPolicy: OverlapPolicy.ALLOW_ALL });
    world.advance("12:01:00");
    world.advance("12:02:00");
    world.advance("12:02:10", world.end(first));
    expect(world.state.progress.lastRuns.map(({ status }) => status)).toEqual([
      ...[undefined, WorkflowStatus.COMPLETED],
    ]);
  });

  it("lets go of what was told to a schedule that is gone", () => {
    const world = newSchedule();
    const message = world.end(first);
    expect(advanceSchedule(undefined, [message], world.at("12:01:00"))).toMatchObject({
      after: undefined,
      delivered: [message],
    });
  });
});

describe("after downtime", () => {
  it("the last missed fire is made up for within the catch-up window, and the rest counted", () => {
    const world = newSchedule();
    expect(world.advanceAll("12:10:30")).toBe(1);
    expect([world.ids(), world.counts()]).toEqual([["12:10:00Z"], [0, 9]]);
    expect(world.state.nextFireAt).toBe(micros("12:11:00"));
  });

  it("nothing is made up for that is older than the window", () => {
    const world = newSchedule({ catchUpWindow: { seconds: 20n } });
    world.advanceAll("12:10:30");
    expect([world.ids(), world.counts()]).toEqual([[], [0, 10]]);
    world.advance("12:11:00.900");
    expect(world.ids()).toEqual(["12:11:00Z"]);
  });

  it("a fire that is late by less than a second was not missed, whatever the window", () => {
    const world = newSchedule({
      spec: { cron: ["* * * * * *"] },
      catchUpWindow: {},
      overlapPolicy: OverlapPolicy.ALLOW_ALL,
    });
    world.advanceAll("12:00:31.900");
    world.advanceAll("12:00:33");
    expect([world.ids(), world.counts()]).toEqual([
      ["12:00:31Z", "12:00:32Z", "12:00:33Z"],
      [0, 0],
    ]);
  });

  it("missed fires are counted a bounded number at a time", () => {
    const world = newSchedule({ spec: { cron: ["* * * * * *"] } });
    expect(world.advanceAll("12:20:30.500")).toBe(3);
    expect(world.counts()).toEqual([0, 1_199]);
    expect(world.ids()).toEqual(["12:20:30Z"]);
  });

  it("the last fire of all is made up for", () => {
    const endTime = { seconds: BigInt(micros("12:03:00") / 1_000_000) };
    const world = newSchedule({ spec: { cron: ["* * * * *"], endTime } });
    world.advanceAll("12:02:50");
    expect([world.ids(), world.counts()]).toEqual([["12:02:00Z"], [0, 1]]);
    expect(world.state.nextFireAt).toBeUndefined();
  });

  it("nothing fires twice if the clock is set back", () => {
    const world = newSchedule();
    world.advanceAll("12:01:00");
    world.advance("11:01:00");
    expect(world.started).toHaveLength(1);
    expect(world.state.nextFireAt).toBe(micros("12:02:00"));
  });
});

describe("a trigger", () => {
  it("fires now, under a time that no rule has", () => {
    const world = newSchedule();
    expect(world.trigger("12:00:40")).toMatchObject({ scheduledAt: micros("12:00:40") + 1 });
    expect(world.ids()).toEqual(["12:00:40.000001Z"]);
    expect(world.state.nextFireAt).toBe(micros("12:01:00"));
    expect(world.trigger("12:00:41")).toBeUndefined();
    expect(world.counts()).toEqual([1, 0]);
    const at = micros("12:00:42") + 7;
    const { outcome } = triggerSchedule(world.state, OverlapPolicy.ALLOW_ALL, {
      ...world.at("12:00:42"),
      now: at,
    });
    expect(outcome).toMatchObject({ scheduledAt: at });
  });
});
