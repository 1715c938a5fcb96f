import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExternalFailureCause, HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import { signalWorkflow } from "../../src/core/signal.js";
import { wake } from "../../src/core/wake.js";
import {
  cancelChild,
  cancelOther,
  child,
  continueAsNew,
  parentOf,
  seconds,
  signalOther,
  signalStart,
  terminate,
} from "./between-runs.js";
import { reset } from "./reset-world.js";
import { type CommandInit, commands } from "./scenario.js";
import { newWorld, type World } from "./world.js";

function signal(world: World, workflowId: string): void {
  const { signal: input } = signalStart("go");
  world.apply(workflowId, (run, context) => signalWorkflow(run, input, context));
}

/** A parent whose child "c" has started, with a second task behind that. */
function startedParent(...rest: CommandInit[]): World {
  const world = parentOf(child(1), ...rest);
  world.deliver();
  world.runTask("p");
  return world;
}

const ended = (world: World) => world.kinds("p").filter((kind) => kind === "childWorkflowCompleted").length;

describe("a child that was pending at the task", () => {
  it("has the new run as its owner, which may ask it to cancel, and whose end it shares", () => {
    const world = startedParent();
    const base = world.run("p").runId;
    reset(world, "p", { n: 2 });
    world.deliver();
    expect(world.run("c").settings.parent).toMatchObject({ runId: base, ownerRunId: "reset" });
    expect(world.kinds("c")).not.toContain("workflowTerminated");
    world.runTask("p", cancelChild(2, 1));
    world.deliver();
    expect(world.kinds("p").slice(-2)).toEqual(["externalCancelDelivered", "childWorkflowCancelled"]);
  });

  it("is heard of once, whether it ended before it knew its owner or behind that", () => {
    for (const isTold of [false, true]) {
      const world = startedParent();
      reset(world, "p", { n: 2 });
      if (isTold) world.deliver();
      world.runTask("c", commands.done());
      world.endings.set("run-2", {
        child: { namespace: "main", workflowId: "c", runId: "run-2" },
        closing: world.history(world.run("c").runId).at(-1)?.kind ?? { case: undefined },
      });
      world.endings.set(world.run("c").runId, world.endings.get("run-2") ?? "gone");
      world.deliver();
      expect(world.mail).toEqual([]);
      expect(ended(world)).toBe(1);
    }
  });

  it("is asked how it ended if nobody was left to hear of it, and the question waits until that is known", () => {
    const world = startedParent();
    const childRun = world.run("c").runId;
    terminate(world, "p");
    world.deliver();
    reset(world, "p", { n: 2 });
    world.deliver();
    expect(world.mail).toHaveLength(1);
    const closing = world.history(childRun).at(-1)?.kind ?? { case: undefined };
    world.endings.set(childRun, { child: { namespace: "main", workflowId: "c", runId: childRun }, closing });
    world.deliver();
    expect(world.mail).toEqual([]);
    expect(world.last("p", "childWorkflowTerminated")).toMatchObject({ seq: 1, child: { runId: childRun } });
  });

  it("that is gone has ended as terminated, or has never started", () => {
    const world = startedParent();
    world.endings.set(world.run("c").runId, "gone");
    terminate(world, "c");
    world.mail.length = 0;
    reset(world, "p", { n: 2 });
    world.deliver();
    expect(world.kinds("p").at(-1)).toBe("childWorkflowTerminated");
    const other = parentOf(child(1));
    const { runId } = other.last("p", "childWorkflowInitiated");
    signal(other, "p");
    other.runTask("p");
    other.mail.length = 0;
    other.endings.set(runId, "gone");
    reset(other, "p", { n: 2 });
    other.deliver();
    expect(other.last("p", "childWorkflowStartFailed").cause).toBe(ExternalFailureCause.WORKFLOW_NOT_FOUND);
  });

  it("tells a run that closed before it heard of the start that it has started", () => {
    const world = parentOf(child(1));
    signal(world, "p");
    world.runTask("p");
    world.deliver(1);
    world.mail.length = 0;
    reset(world, "p", { n: 2 });
    world.deliver();
    expect(world.last("p", "childWorkflowStarted").child?.runId).toBe(world.run("c").runId);
    world.runTask("c", commands.done());
    world.deliver();
    expect(ended(world)).toBe(1);
  });

  it("has started and ended in the new run if it had behind the task", () => {
    const world = parentOf(child(1), child(2, { spec: { workflowId: "d", workflowType: "order" } }));
    signal(world, "p");
    world.runTask("p");
    world.deliver();
    world.runTask("c", commands.done());
    world.deliver();
    reset(world, "p", { n: 2 });
    const kinds = world.kinds("p");
    expect(kinds.slice(kinds.indexOf("signalReceived") + 1)).toEqual([
      "childWorkflowStarted",
      "childWorkflowStarted",
      "childWorkflowCompleted",
      "childWorkflowAdopted",
    ]);
  });

  it("goes on with the new run though a later run of the chain had kept it", () => {
    const world = startedParent();
    const base = world.run("p");
    signal(world, "p");
    world.runTask("p", continueAsNew({ keepChildren: true }));
    expect(world.last("p", "childWorkflowInitiated")).toMatchObject({ startedByRunId: base.runId });
    reset(world, "p", { base, n: 2 });
    world.deliver();
    expect(world.kinds("c")).not.toContain("workflowTerminated");
    world.runTask("c", commands.done());
    world.deliver();
    expect(ended(world)).toBe(1);
  });

  /** A message that takes over a child, as it can't be. */
  const adopting = (world: World, value: object) => ({
    sender: { namespaceId: "ns", namespace: "main", workflowId: "x", runId: "x" },
    number: 90,
    receiver: { namespaceId: "ns", workflowId: "p", runId: "" },
    sentAt: world.now,
    event: create(HistoryEventSchema, { kind: { case: "childWorkflowAdopted", value } }),
  });

  it("is never a run without a parent, and a message that names no child waits", () => {
    const world = newWorld();
    world.start("p");
    world.mail.push(adopting(world, { child: { workflowId: "p", runId: world.run("p").runId } }));
    world.deliver();
    expect(world.mail).toEqual([]);
    expect(world.run("p").settings.parent).toBeUndefined();
    world.mail.push(adopting(world, {}));
    world.deliver();
    expect(world.mail).toHaveLength(1);
  });
});

describe("a signal for the run that was reset", () => {
  it("is not for the one that goes on, though that has its children", () => {
    const world = startedParent();
    reset(world, "p", { n: 2 });
    world.start("o");
    world.runTask("o", signalOther(1, { target: { workflowId: "p" } }));
    const [message] = world.mail.splice(-1);
    if (message === undefined) throw new Error("there is no message");
    world.mail.push({ ...message, receiver: { ...message.receiver, runId: "run-1" } });
    world.deliver();
    expect(world.kinds("o").at(-1)).toBe("externalSignalFailed");
  });
});

describe("a request that was not answered at the task", () => {
  const asking = (request: CommandInit) => {
    const world = newWorld();
    world.start("o");
    world.start("p");
    world.runTask("p", request);
    signal(world, "p");
    world.runTask("p");
    return world;
  };

  it("is answered to the new run, and to one that is made of it", () => {
    for (const [request, kind] of [
      [signalOther(1), "externalSignalDelivered"],
      [cancelOther(1), "externalCancelDelivered"],
    ] as const) {
      const world = asking(request);
      const base = world.run("p").runId;
      reset(world, "p", { n: 2 });
      expect(world.run("p").externalRequests.get(1)?.sentBy).toBe(base);
      world.runTask("p");
      reset(world, "p", { n: 2, runId: "second" });
      world.deliver();
      expect(world.kinds("p").at(-1)).toBe(kind);
      expect(world.run("p").externalRequests.size).toBe(0);
    }
  });

  it("is answered by what had come behind the task", () => {
    const world = asking(signalOther(1));
    world.deliver();
    reset(world, "p", { n: 2 });
    expect(world.kinds("p").at(-1)).toBe("externalSignalDelivered");
  });

  it("has failed if the run that asked had closed before", () => {
    for (const [request, kind] of [
      [signalOther(1), "externalSignalFailed"],
      [cancelOther(1), "externalCancelFailed"],
    ] as const) {
      const world = asking(request);
      terminate(world, "p");
      world.deliver();
      reset(world, "p", { n: 2 });
      expect(world.last("p", kind).cause).toBe(ExternalFailureCause.ANSWER_LOST);
    }
  });

  it("has failed if another run of the workflow waits for one of its own", () => {
    const world = asking(signalOther(1));
    const base = world.run("p");
    terminate(world, "p");
    world.start("p");
    world.runTask("p", signalOther(1));
    reset(world, "p", { base, n: 2 });
    expect(world.last("p", "externalSignalFailed").cause).toBe(ExternalFailureCause.ANSWER_LOST);
    world.deliver();
    expect(world.kinds("p").filter((kind) => kind === "externalSignalDelivered")).toEqual([]);
  });
});

describe("what is told of other runs", () => {
  it("is the end of a child whose time is over, and a namespace that is not there", () => {
    const spec = { workflowId: "c", workflowType: "order", runTimeout: seconds(1) };
    const world = parentOf(
      child(1, { spec }),
      cancelOther(2, { target: { namespace: "nowhere", workflowId: "o" } }),
      signalOther(3, { target: { namespace: "nowhere", workflowId: "o" } }),
    );
    expect(world.last("p", "externalSignalFailed").cause).toBe(ExternalFailureCause.NAMESPACE_NOT_FOUND);
    expect(world.last("p", "externalCancelFailed").cause).toBe(ExternalFailureCause.NAMESPACE_NOT_FOUND);
    world.deliver();
    world.now += 1_000_000;
    world.apply("c", wake);
    world.deliver();
    expect(world.kinds("p").at(-1)).toBe("childWorkflowTimedOut");
  });
});
