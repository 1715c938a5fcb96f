import { describe, expect, it } from "vitest";
import { ContinuationReason } from "../../gen/pawl/v1/event_pb.js";
import { signalWithStart } from "../../src/core/signal-with-start.js";
import { wake } from "../../src/core/wake.js";
import {
  cancelChild,
  child,
  continueAsNew,
  json,
  parentOf,
  seconds,
  signalOther,
  signalStart,
  terminate,
} from "./between-runs.js";
import { commands, reasonOf } from "./scenario.js";
import { newWorld } from "./world.js";

describe("chains", () => {
  it("take over what continue-as-new does not change", () => {
    const world = newWorld();
    world.start("p", {
      taskQueue: "q",
      priority: 2,
      runTimeout: seconds(60),
      executionTimeout: seconds(600),
      retryPolicy: {},
    });
    world.now += 5_000_000;
    world.runTask("p", continueAsNew());
    const { settings, taskQueue, workflowType } = world.run("p");
    expect({ taskQueue, workflowType }).toEqual({ taskQueue: "q", workflowType: "Order" });
    expect(settings).toMatchObject({ priority: 2, runTimeoutMs: 60_000, attempt: 1 });
    expect(settings.firstTaskAt).toBeUndefined();
    expect(world.last("p", "workflowStarted")).toMatchObject({
      continuationReason: ContinuationReason.WORKFLOW,
      firstRunId: "run-1",
      executionExpirationTime: { seconds: 1_700_000_600n },
    });
  });

  it("change what continue-as-new changes", () => {
    const world = newWorld();
    world.start("p");
    const command = continueAsNew({
      workflowType: "other",
      taskQueue: "r",
      input: json("1"),
      header: { fields: { a: json("2") } },
      runTimeout: seconds(9),
      workflowTaskTimeout: seconds(3),
      retryPolicy: { maximumAttempts: 4 },
    });
    world.runTask("p", command);
    const run = world.run("p");
    expect([run.workflowType, run.taskQueue, run.settings.workflowTaskTimeoutMs]).toEqual([
      "other",
      "r",
      3_000,
    ]);
    expect(run.settings.retry?.maximumAttempts).toBe(4);
    expect(world.last("p", "workflowStarted")).toMatchObject({
      input: json("1"),
      firstTaskDelay: seconds(1),
    });
  });

  it("carry signals that were not taken, with their first origin", () => {
    const world = newWorld();
    world.applyAll("p", (workflow, context) => signalWithStart(workflow, signalStart("a"), context));
    for (const runId of ["run-1", "run-2"]) {
      const signals = world.history(runId).filter(({ kind }) => kind.case === "signalReceived");
      world.now += 2_000_000;
      world.takeTask("p");
      world.complete(
        "p",
        [continueAsNew({ carriedSignalEventIds: signals.map(({ eventId }) => eventId) })],
        signals,
      );
    }
    expect(world.last("p", "signalReceived")).toMatchObject({ originRunId: "run-1", originEventId: 2 });
  });

  it.each([
    ["an event that is no signal", [1]],
    ["an event that is not there", [9]],
    ["an order that is none", [2, 2]],
  ])("refuse to carry %s", (_what, carriedSignalEventIds) => {
    const world = newWorld();
    world.applyAll("p", (workflow, context) => signalWithStart(workflow, signalStart("a"), context));
    world.takeTask("p");
    const events = [...world.history("run-1")];
    const call = () => world.complete("p", [continueAsNew({ carriedSignalEventIds })], events);
    expect(reasonOf(call)).toBe("INVALID_COMMAND");
  });

  it("of a child tell its parent once, at the end of the last run", () => {
    const world = parentOf(
      child(1, { spec: { workflowId: "c", workflowType: "order", retryPolicy: { jitter: 0 } } }),
    );
    world.deliver();
    world.runTask("c", commands.fail());
    world.deliver();
    expect(world.kinds("p").at(-1)).toBe("childWorkflowStarted");
    world.now += 1_000_000;
    world.apply("c", wake);
    world.runTask("c", commands.done());
    world.deliver();
    expect(world.last("p", "childWorkflowCompleted").child?.runId).toBe(world.run("c").runId);
    expect(world.last("c", "workflowStarted")).toMatchObject({
      attempt: 2,
      continuedFailure: { message: "no" },
    });
  });

  it("keep open children if they are told to, and hear of their end once", () => {
    const world = parentOf(
      child(1),
      child(3, { spec: { workflowId: "e", workflowType: "order" } }),
      child(4, { spec: { workflowId: "d", workflowType: "order" } }),
    );
    world.mail.push(...world.mail.splice(0, 1));
    world.deliver(2);
    world.mail.push(...world.mail.splice(0, 1));
    world.deliver(1);
    world.runTask("p", continueAsNew({ keepChildren: true }));
    world.now += 2_000_000;
    world.apply("p", wake);
    world.runTask("p", continueAsNew({ keepChildren: true }));
    expect(world.run("p").lastSeq).toBe(4);
    world.deliver();
    world.runTask("c", commands.done());
    world.runTask("d", commands.done());
    world.deliver();
    const history = world.history(world.run("p").runId);
    for (const seq of [1, 4]) {
      const about = history.flatMap(({ eventId, kind }) =>
        kind.value !== undefined && "seq" in kind.value && kind.value.seq === seq ? [{ eventId, kind }] : [],
      );
      const [initiated, started, completed] = about;
      expect(about.map(({ kind }) => kind.case)).toEqual([
        "childWorkflowInitiated",
        "childWorkflowStarted",
        "childWorkflowCompleted",
      ]);
      expect(completed?.kind.value).toMatchObject({
        initiatedEventId: initiated?.eventId,
        startedEventId: started?.eventId,
      });
    }
    terminate(world, "p");
    world.deliver();
    expect(world.kinds("e").at(-1)).toBe("workflowTerminated");
  });

  it("reach the children that they kept, whatever run of the child is open by then", () => {
    const world = parentOf(child(1), child(2, { spec: { workflowId: "d", workflowType: "order" } }));
    world.deliver();
    world.runTask("p", continueAsNew({ keepChildren: true }));
    for (const id of ["c", "d"]) world.runTask(id, continueAsNew());
    world.now += 2_000_000;
    for (const id of ["p", "c", "d"]) world.apply(id, wake);
    for (const id of ["c", "d"]) world.runTask(id);
    world.runTask("p", cancelChild(3, 1), signalOther(4, { target: { workflowId: "c" }, childOnly: true }));
    world.deliver();
    expect(world.kinds("c")).toContain("workflowCancelRequested");
    expect(world.kinds("c")).toContain("signalReceived");
    terminate(world, "p");
    world.deliver();
    for (const id of ["c", "d"]) expect(world.kinds(id).at(-1)).toBe("workflowTerminated");
  });

  it("try a run again with the input and header that it was started with", () => {
    const world = newWorld();
    world.start("p", { input: json("7"), header: { fields: { a: json("8") } }, retryPolicy: { jitter: 0 } });
    world.runTask("p", commands.fail());
    const bare = newWorld();
    bare.start("p", { retryPolicy: { jitter: 0 } });
    bare.runTask("p", commands.fail());
    expect(bare.last("p", "workflowStarted").input).toBeUndefined();
    expect(world.last("p", "workflowStarted")).toMatchObject({
      input: json("7"),
      header: { fields: { a: json("8") } },
    });
  });
});

describe("a signal with a start", () => {
  it("is refused for its form, and known when it is repeated", () => {
    const world = newWorld();
    const send = (name: string, requestId = "") =>
      world.applyAll("p", (workflow, context) =>
        signalWithStart(workflow, signalStart(name, requestId), context),
      );
    expect(reasonOf(() => send(""))).toBe("INVALID_FIELD");
    expect(send("a", "r")).toEqual({ runId: "run-1", isStarted: true });
    expect(send("a", "r")).toEqual({ runId: "run-1", isStarted: true });
    expect(send("a", "s")).toEqual({ runId: "run-1", isStarted: false });
    expect(world.kinds("p")).toEqual(["workflowStarted", "signalReceived", "signalReceived"]);
    terminate(world, "p");
    expect(send("a", "t").isStarted).toBe(true);
  });

  it("is known when it comes again after the run that has the signal has closed", () => {
    const world = newWorld();
    const send = (name: string, requestId: string) =>
      world.applyAll("p", (workflow, context) =>
        signalWithStart(workflow, signalStart(name, requestId), context),
      );
    send("a", "r");
    send("b", "s");
    terminate(world, "p");
    expect(send("b", "s")).toEqual({ runId: "run-1", isStarted: false });
    expect(world.kinds("p").at(-1)).toBe("workflowTerminated");
  });
});
