import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { appendCommands } from "../../src/core/append-commands.js";
import { type DirectInput, directOperation } from "../../src/core/direct-operation.js";
import { RefusedError } from "../../src/core/errors.js";
import { signalWorkflow } from "../../src/core/signal.js";
import type { WorkflowTaskFence } from "../../src/core/workflow-task.js";
import { type CommandInit, caller } from "./scenario.js";
import { newWorld, type World } from "./world.js";

const timer = (seq: number): CommandInit => ({
  seq,
  kind: { case: "scheduleTimer", value: { duration: { seconds: 60n } } },
});
const complete = (seq: number): CommandInit => ({ seq, kind: { case: "completeWorkflow", value: {} } });

function inputOf(command: CommandInit): DirectInput {
  return {
    command: create(CommandSchema, command),
    contentHash: String(command.kind?.case),
    fence: undefined,
    lastSeenEventId: 0,
    caller,
    events: new Map(),
  };
}

function direct(world: World, command: CommandInit, rest: Partial<DirectInput> = {}) {
  const input = { ...inputOf(command), ...rest };
  return world.apply("wf", (run, context) => directOperation(run, input, context));
}

function begun(): World {
  const world = newWorld();
  world.start("wf");
  return world;
}

function signal(world: World): void {
  const input = {
    name: "go",
    payload: undefined,
    header: undefined,
    links: [],
    requestId: "",
    contentHash: "",
    caller,
  };
  world.apply("wf", (run, context) => signalWorkflow(run, input, context));
}

function fenceOf(world: World): WorkflowTaskFence {
  const run = world.run("wf");
  const task = run.workflowTask;
  if (task?.lease === undefined) throw new Error("no task is started");
  return { runId: run.runId, ...task, startedEventId: task.lease.startedEventId, epoch: task.lease.epoch };
}

function allKinds(world: World) {
  return world.history(world.run("wf").runId).map(({ kind }) => kind.case);
}

function refusalOf(work: () => unknown): { reason: string; metadata: object } {
  try {
    work();
  } catch (error) {
    if (error instanceof RefusedError) return { reason: ErrorReason[error.reason], metadata: error.metadata };
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("without a task token", () => {
  it("is a workflow task of its own, and the task that was there before is made again", () => {
    const world = begun();
    const outcome = direct(world, timer(1));
    expect(allKinds(world)).toEqual([
      "workflowStarted",
      "workflowTaskScheduled",
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "timerScheduled",
      "workflowTaskScheduled",
    ]);
    expect(outcome).toMatchObject({ eventId: 5, isExisting: false, epoch: undefined, refusal: undefined });
    expect(world.run("wf").status).toBe(WorkflowStatus.RUNNING);
    expect(world.history(world.run("wf").runId)[3]).toMatchObject(caller);
  });

  it("makes its task where there is none, and leaves none", () => {
    const world = begun();
    world.runTask("wf", timer(1));
    direct(world, timer(2));
    expect(allKinds(world).slice(-4)).toEqual([
      "workflowTaskScheduled",
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "timerScheduled",
    ]);
    expect(world.run("wf").workflowTask).toBeUndefined();
  });

  it("is refused while a worker holds the workflow task", () => {
    const world = begun();
    world.takeTask("wf");
    expect(refusalOf(() => direct(world, timer(1))).reason).toBe("WORKFLOW_TASK_STARTED");
  });

  it("offers the task that it made again to the workers who wait", () => {
    const world = begun();
    direct(world, timer(1));
    world.takeTask("wf");
    expect(direct(world, timer(1)).epoch).toBeUndefined();
  });
});

describe("with the token of the started task", () => {
  it("is not taken for a task whose commands were sent ahead: they would be lost", () => {
    const world = begun();
    world.takeTask("wf");
    const fence = fenceOf(world);
    const ahead = { fence, offset: 0, count: 1, bytes: 10 };
    world.apply("wf", (run, context) => appendCommands(run, ahead, context));
    expect(() => direct(world, timer(1), { fence })).toThrow("sent ahead");
  });

  it("completes it, and the holder goes on with the next one", () => {
    const world = begun();
    world.takeTask("wf");
    const outcome = direct(world, timer(1), { fence: fenceOf(world) });
    expect(allKinds(world).slice(2)).toEqual([
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "timerScheduled",
      "workflowTaskScheduled",
      "workflowTaskStarted",
    ]);
    expect(outcome.epoch).toBe(fenceOf(world).epoch);
    expect(world.run("wf").workflowTask?.lease?.workerId).toBe("worker");
  });

  it("repeated after a lost answer has the next task once more", () => {
    const world = begun();
    world.takeTask("wf");
    const fence = fenceOf(world);
    const { epoch } = direct(world, timer(1), { fence });
    expect(direct(world, timer(1), { fence })).toMatchObject({ isExisting: true, epoch });
    direct(world, timer(2), { fence: fenceOf(world) });
    expect(direct(world, timer(1), { fence }).epoch).toBeUndefined();
  });

  it("gives events that came meanwhile their ids behind the command", () => {
    const world = begun();
    world.takeTask("wf");
    signal(world);
    direct(world, timer(1), { fence: fenceOf(world) });
    expect(allKinds(world).slice(3)).toEqual([
      "workflowTaskCompleted",
      "timerScheduled",
      "signalReceived",
      "workflowTaskScheduled",
      "workflowTaskStarted",
    ]);
  });

  it("is refused once the lease is over", () => {
    const world = begun();
    world.takeTask("wf");
    const fence = fenceOf(world);
    world.complete("wf", [timer(1)]);
    expect(refusalOf(() => direct(world, timer(2), { fence })).reason).toBe("STALE_LEASE");
  });

  it("does not close the run while something is buffered: the task is made again", () => {
    const world = begun();
    world.takeTask("wf");
    signal(world);
    const { refusal } = direct(world, complete(1), { fence: fenceOf(world) });
    expect(ErrorReason[refusal?.reason ?? 0]).toBe("UNHANDLED_COMMAND");
    expect(allKinds(world).slice(3)).toEqual([
      "workflowTaskFailed",
      "signalReceived",
      "workflowTaskScheduled",
    ]);
  });
});

describe("repeated", () => {
  it("changes nothing, needs no token, and answers even when the run is closed", () => {
    const world = begun();
    const { eventId } = direct(world, timer(1));
    direct(world, complete(2));
    const before = world.run("wf");
    expect(direct(world, timer(1))).toMatchObject({ isExisting: true, eventId });
    expect(direct(world, complete(2))).toMatchObject({ isExisting: true });
    expect(world.run("wf")).toBe(before);
  });

  it("with other content is refused, naming what was recorded", () => {
    const world = begun();
    direct(world, timer(1));
    const refusal = refusalOf(() => direct(world, complete(1)));
    expect(refusal).toMatchObject({
      reason: "NON_DETERMINISM",
      metadata: { seq: "1", recorded: "event 5", given: "complete_workflow" },
    });
  });

  it("with a seq of a command of a workflow task is refused", () => {
    const world = begun();
    world.runTask("wf", timer(3));
    const { metadata } = refusalOf(() => direct(world, timer(3)));
    expect(metadata).toMatchObject({ recorded: "a command of a workflow task", given: "schedule_timer" });
  });
});

describe("one that closes the run", () => {
  it("needs to have seen the newest event from outside", () => {
    const world = begun();
    signal(world);
    expect(refusalOf(() => direct(world, complete(1), { lastSeenEventId: 2 }))).toMatchObject({
      reason: "UNHANDLED_EVENTS",
      metadata: { event_id: "3" },
    });
    direct(world, complete(1), { lastSeenEventId: 3 });
    expect(world.run("wf")).toMatchObject({
      status: WorkflowStatus.COMPLETED,
      workflowTask: undefined,
      lastSeq: 1,
    });
  });

  it("is refused on a closed run", () => {
    const world = begun();
    direct(world, complete(1));
    expect(refusalOf(() => direct(world, complete(2))).reason).toBe("WORKFLOW_CLOSED");
  });

  it("may be continue-as-new, whose next run has its own seqs and must see the signals that it took over", () => {
    const world = begun();
    signal(world);
    const first = world.run("wf").runId;
    const events = new Map(world.history(first).map((event) => [event.eventId, event]));
    const command: CommandInit = {
      seq: 1,
      kind: { case: "continueAsNew", value: { carriedSignalEventIds: [3] } },
    };
    direct(world, command, { lastSeenEventId: 3, events });
    expect(world.run("wf").runId).not.toBe(first);
    expect(refusalOf(() => direct(world, complete(1))).reason).toBe("UNHANDLED_EVENTS");
    direct(world, complete(1), { lastSeenEventId: 2 });
    expect(world.run("wf").status).toBe(WorkflowStatus.COMPLETED);
  });
});

describe("a command that is wrong", () => {
  it("is refused by name where the run has as many pending things as it may", () => {
    const world = begun();
    direct(world, timer(1));
    const second = () =>
      world.apply("wf", (run, context) =>
        directOperation(run, inputOf(timer(2)), {
          ...context,
          limits: { ...context.limits, maxPendingPerKind: 1 },
        }),
      );
    expect(refusalOf(second)).toEqual({
      reason: "PENDING_LIMIT",
      metadata: { kind: "timers", limit: "1", command: "schedule_timer" },
    });
  });

  it("is refused with the field of the request", () => {
    const world = begun();
    const bad: CommandInit = { seq: 1, kind: { case: "scheduleTimer", value: {} } };
    expect(refusalOf(() => direct(world, bad))).toMatchObject({
      reason: "INVALID_FIELD",
      metadata: { field: "command.duration" },
    });
  });
});
