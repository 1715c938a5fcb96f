import { describe, expect, it } from "vitest";
import { OpenIdPolicy, ParentClosePolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { signalWorkflow } from "../../src/core/signal.js";
import {
  cancelChild,
  cancelOther,
  child,
  continueAsNew,
  json,
  parentOf,
  signalOther,
  signalStart,
  terminate,
} from "./between-runs.js";
import { type CommandInit, commands, explanationsOf, reasonOf } from "./scenario.js";
import { newWorld } from "./world.js";

describe("children", () => {
  it("have an id of their own if none is given, and take queue and priority from their parent", () => {
    const world = newWorld();
    world.start("p", { taskQueue: "q", priority: 1 });
    world.runTask("p", child(1, { spec: { workflowType: "order" } }));
    world.deliver();
    const run = world.run(`${world.run("p").runId}/1`);
    expect([run.taskQueue, run.settings.priority]).toEqual(["q", 1]);
  });

  it("of children know the run at the top", () => {
    const world = parentOf(child(1));
    world.deliver();
    world.runTask("c", child(1, { spec: { workflowId: "g", workflowType: "order" } }));
    world.deliver();
    expect(world.run("g").settings.parent?.root.workflowId).toBe("p");
    expect(world.last("g", "workflowStarted").parent?.workflowId).toBe("c");
  });

  it("do not join a run that is open, but may take its place", () => {
    const world = newWorld();
    world.start("c");
    world.start("p");
    const by = (openIdPolicy: OpenIdPolicy) => ({
      spec: { workflowId: "c", workflowType: "order", openIdPolicy },
    });
    world.runTask(
      "p",
      child(1, by(OpenIdPolicy.USE_EXISTING)),
      child(2, by(OpenIdPolicy.TERMINATE_EXISTING)),
    );
    world.deliver();
    expect(world.last("p", "childWorkflowStartFailed").seq).toBe(1);
    expect(world.last("p", "childWorkflowStarted").seq).toBe(2);
  });

  it("are asked to cancel, and what has ended is not asked", () => {
    const world = parentOf(child(1));
    world.deliver();
    world.runTask("p", cancelChild(2, 1));
    world.deliver();
    expect(world.kinds("c")).toEqual(["workflowStarted", "workflowCancelRequested", "workflowCancelled"]);
    world.runTask("p", cancelChild(3, 1));
    expect(world.mail).toEqual([]);
    expect(world.kinds("p").slice(-2)).toEqual(["externalCancelDelivered", "childWorkflowCancelled"]);
  });

  it("that continue as new are asked by the id of their first run", () => {
    const world = parentOf(child(1));
    world.deliver();
    world.now += 2_000_000;
    world.runTask("c", continueAsNew());
    world.runTask("p", cancelChild(2, 1));
    world.deliver();
    expect(world.run("c").status).toBe(WorkflowStatus.CANCELLED);
    expect(world.kinds("p")).toContain("childWorkflowCancelled");
  });

  it("tell their details when they are cancelled, and their retry state when they fail", () => {
    const world = parentOf(child(1), child(2, { spec: { workflowId: "d", workflowType: "order" } }));
    world.deliver();
    world.takeTask("c");
    world.runTask("p", cancelChild(3, 1));
    world.deliver();
    world.complete("c", []);
    world.runTask("c", { kind: { case: "cancelWorkflow", value: { details: json('"bye"') } } });
    world.runTask("d", commands.fail());
    world.deliver();
    expect(world.last("p", "childWorkflowCancelled").details).toMatchObject(json('"bye"'));
    expect(world.last("p", "childWorkflowFailed").failure?.message).toBe("no");
  });

  it("end in order behind their start, whenever the parent's task lets them", () => {
    const world = parentOf(child(1), child(2, { spec: { workflowId: "d", workflowType: "order" } }));
    const { signal } = signalStart("a");
    world.apply("p", (run, context) => signalWorkflow(run, signal, context));
    world.takeTask("p");
    world.deliver();
    world.runTask("c", { kind: { case: "completeWorkflow", value: {} } });
    world.deliver();
    world.complete("p", []);
    const started = world
      .history(world.run("p").runId)
      .find(({ kind }) => kind.case === "childWorkflowStarted" && kind.value.seq === 1);
    expect(world.last("p", "childWorkflowCompleted").startedEventId).toBe(started?.eventId);
    expect(world.run("p").children.get(2)?.startedEventId).toBeGreaterThan(0);
  });

  it("are nothing to a parent that has closed, or to another run of its id", () => {
    const world = parentOf(child(1, { parentClosePolicy: ParentClosePolicy.ABANDON }));
    world.deliver();
    terminate(world, "p");
    world.start("p");
    world.runTask("c", commands.done());
    world.deliver();
    expect(world.kinds("p")).toEqual(["workflowStarted"]);
    expect(world.mail).toEqual([]);
  });

  it("of a parent that closes before they start are closed right behind their start", () => {
    const world = parentOf(child(1), commands.done());
    world.deliver();
    expect(world.kinds("c")).toEqual(["workflowStarted", "workflowTerminated"]);
    const asked = parentOf(
      child(1, { parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL }),
      commands.done(),
    );
    asked.deliver();
    expect(asked.kinds("c")).toEqual(["workflowStarted", "workflowCancelRequested", "workflowCancelled"]);
  });

  it("of which one can't start leave nothing buffered in a parent that closes in the same task", () => {
    const world = parentOf(child(1, { namespace: "nowhere" }), commands.done());
    expect(world.run("p").buffered).toEqual([]);
    expect(world.kinds("p")).toEqual(["workflowStarted", "childWorkflowInitiated", "workflowCompleted"]);
  });

  it("that have ended hear nothing of their parent's end", () => {
    for (const parentClosePolicy of [ParentClosePolicy.TERMINATE, ParentClosePolicy.REQUEST_CANCEL]) {
      const world = parentOf(child(1, { parentClosePolicy }));
      world.deliver();
      world.runTask("c", commands.done());
      terminate(world, "p");
      world.deliver();
      expect(world.kinds("c")).toEqual(["workflowStarted", "workflowCompleted"]);
    }
  });

  it.each<[string, CommandInit, string]>([
    ["no spec", { seq: 1, kind: { case: "startChildWorkflow", value: {} } }, "INVALID_COMMAND"],
    ["no type", child(1, { spec: { workflowId: "c" } }), "INVALID_COMMAND"],
    ["a child of the future", cancelChild(1, 7), "INVALID_COMMAND"],
    ["child zero", cancelChild(1, 0), "INVALID_COMMAND"],
    ["no target", signalOther(1, { target: undefined }), "INVALID_COMMAND"],
    ["no target to cancel", cancelOther(1, { target: { workflowId: "" } }), "INVALID_COMMAND"],
    ["a run id that is none", signalOther(1, { target: { workflowId: "o", runId: "x" } }), "INVALID_COMMAND"],
    ["no signal name", signalOther(1, { name: "" }), "INVALID_COMMAND"],
  ])("are refused with %s", (_what, command, reason) => {
    const world = newWorld();
    world.start("p");
    world.takeTask("p");
    expect(reasonOf(() => world.complete("p", [command]))).toBe(reason);
  });

  it("are told of when somebody asks what the run waits for", () => {
    const many = Array.from({ length: 11 }, (_, n) =>
      child(n + 1, { spec: { workflowId: `c${n}`, workflowType: "order" } }),
    );
    const world = parentOf(...many, signalOther(12), cancelOther(13));
    expect(explanationsOf(world.run("p"))).toEqual([
      ...Array.from({ length: 10 }, (_, n) => `Waits for its child "c${n}" to start.`),
      "Waits for 1 more children.",
      'Waits for its signal to reach workflow "o".',
      'Waits for its request to cancel to reach workflow "o".',
    ]);
  });
});
