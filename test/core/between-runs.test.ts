import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ChildWorkflowInitiatedSchema,
  ContinuationReason,
  ExternalFailureCause,
} from "../../gen/pawl/v1/event_pb.js";
import { OpenIdPolicy, ParentClosePolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { describeWaiting } from "../../src/core/describe-waiting.js";
import type { Message } from "../../src/core/run-state.js";
import { signalWorkflow } from "../../src/core/signal.js";
import { signalWithStart } from "../../src/core/signal-with-start.js";
import { terminateWorkflow } from "../../src/core/terminate.js";
import { wake } from "../../src/core/wake.js";
import { type CommandInit, caller, commands, reasonOf, startInput } from "./scenario.js";
import { newWorld, type World } from "./world.js";

const json = (value: string) => ({ body: { case: "json" as const, value } });
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

const child = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: {
      case: "startChildWorkflow",
      value: { spec: { workflowId: "c", workflowType: "order" }, ...value },
    },
  }) as CommandInit;
const cancelChild = (seq: number, childSeq: number): CommandInit => ({
  seq,
  kind: { case: "cancelChild", value: { childSeq, reason: "enough" } },
});
const signalOther = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: { case: "signalExternalWorkflow", value: { target: { workflowId: "o" }, name: "hello", ...value } },
  }) as CommandInit;
const cancelOther = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: { case: "cancelExternalWorkflow", value: { target: { workflowId: "o" }, reason: "r", ...value } },
  }) as CommandInit;
const continueAsNew = (value: object = {}): CommandInit =>
  ({ kind: { case: "continueAsNew", value } }) as CommandInit;

function terminate(world: World, workflowId: string): void {
  const input = { reason: "", details: undefined, requestId: "", contentHash: "", caller };
  world.apply(workflowId, (run, context) => terminateWorkflow(run, input, context));
}

function parentOf(...starts: CommandInit[]): World {
  const world = newWorld();
  world.start("p");
  world.runTask("p", ...starts);
  return world;
}

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
    expect(describeWaiting(world.run("p"))).toEqual([
      ...Array.from({ length: 10 }, (_, n) => `Waits for its child "c${n}" to start.`),
      "Waits for 1 more children.",
      'Waits for its signal to reach workflow "o".',
      'Waits for its request to cancel to reach workflow "o".',
    ]);
  });
});

describe("requests to other runs", () => {
  it("reach the run that is meant", () => {
    const world = newWorld();
    world.start("o");
    world.takeTask("o");
    world.start("p");
    const target = { workflowId: "o", runId: "0190a000-0000-7000-8000-000000000000" };
    world.runTask(
      "p",
      signalOther(1, { payload: json("1"), header: { fields: { a: json("2") } } }),
      signalOther(2, { target }),
      cancelOther(3),
      cancelOther(4, { target: { namespace: "nowhere", workflowId: "o" } }),
      signalOther(5, { childOnly: true }),
      cancelOther(6, { childOnly: true }),
      signalOther(7, { target: { namespace: "other", workflowId: "o" } }),
    );
    expect(world.last("p", "externalCancelFailed").cause).toBe(ExternalFailureCause.NAMESPACE_NOT_FOUND);
    world.deliver();
    world.complete("o", []);
    expect(world.kinds("o")).toEqual(["workflowStarted", "signalReceived", "workflowCancelRequested"]);
    expect(world.last("o", "signalReceived")).toMatchObject({ externalRun: { workflowId: "p" } });
    const answers = world.kinds("p").slice(8);
    expect(answers.sort()).toEqual(
      [
        "externalCancelDelivered",
        "externalCancelFailed",
        "externalCancelFailed",
        "externalSignalDelivered",
        "externalSignalFailed",
        "externalSignalFailed",
        "externalSignalFailed",
      ].sort(),
    );
    expect(world.run("p").externalRequests.size).toBe(0);
  });

  it("that come for a run whose cancellation was requested change nothing more", () => {
    const world = newWorld();
    world.start("o");
    world.takeTask("o");
    world.start("p");
    world.runTask("p", cancelOther(1), cancelOther(2));
    world.deliver();
    world.complete("o", []);
    expect(world.kinds("o")).toEqual(["workflowStarted", "workflowCancelRequested"]);
    expect(world.kinds("p").filter((kind) => kind === "externalCancelDelivered")).toHaveLength(2);
  });

  it("end with the run, and an answer that comes later is nothing", () => {
    const world = newWorld();
    world.start("o");
    world.start("p");
    world.runTask("p", signalOther(1));
    world.deliver(1);
    terminate(world, "p");
    world.deliver();
    expect(world.kinds("p").at(-1)).toBe("workflowTerminated");
  });

  it("are answered once", () => {
    const world = newWorld();
    world.start("o");
    world.start("p");
    world.runTask("p", signalOther(1));
    world.deliver(1);
    const [answer] = world.mail;
    world.deliver();
    if (answer !== undefined) world.mail.push(answer);
    world.deliver();
    expect(world.kinds("p").filter((kind) => kind === "externalSignalDelivered")).toHaveLength(1);
  });

  it("of which one arrives twice take effect once", () => {
    const world = parentOf(child(1), child(2));
    const twice = () => {
      world.mail.push(...world.mail.filter(({ receiver }) => receiver.workflowId === "p"));
    };
    world.deliver(1);
    twice();
    world.deliver();
    world.runTask("c", commands.done());
    twice();
    world.deliver();
    expect(world.kinds("p").slice(3).sort()).toEqual([
      "childWorkflowCompleted",
      "childWorkflowStartFailed",
      "childWorkflowStarted",
    ]);
  });

  it("that say more than a run may begin with do not start it, and what can't be is a fault", () => {
    const world = parentOf(child(1));
    const [message] = world.mail;
    if (message?.event.kind.case !== "childWorkflowInitiated") throw new Error("there is no message");
    const { event } = message;
    const withSpec = (spec: object): Message => {
      const value = create(ChildWorkflowInitiatedSchema, { ...message.event.kind.value, spec } as never);
      return { ...message, event: { ...event, kind: { case: "childWorkflowInitiated", value } } };
    };
    world.mail.splice(0, 1, withSpec({ workflowId: "c", workflowType: "x".repeat(4_000_000) }));
    world.deliver();
    expect(world.last("p", "childWorkflowStartFailed").cause).toBe(ExternalFailureCause.LIMIT_EXCEEDED);
    const retryPolicy = { backoffCoefficient: 0.5 };
    world.mail.push(withSpec({ workflowId: "c", workflowType: "x", retryPolicy }));
    expect(() => world.deliver()).toThrow("backoff_coefficient");
    world.mail.splice(0, 1, withSpec({ workflowId: "c", workflowType: "x", priority: 1.5 }));
    expect(() => world.deliver()).toThrow("int32");
  });

  it("of an end without a start are recorded all the same", () => {
    const world = parentOf(child(1));
    world.deliver(1);
    world.mail.splice(0, 1);
    world.runTask("c", commands.done());
    world.deliver();
    expect(world.last("p", "childWorkflowCompleted").startedEventId).toBe(0);
  });

  it("can be no other event", () => {
    const world = newWorld();
    world.start("o");
    world.start("p");
    world.runTask("p", signalOther(1));
    const message = world.mail[0];
    if (message === undefined) throw new Error("there is no message");
    world.mail.splice(0, 1, { ...message, event: { ...message.event, kind: { case: undefined } } });
    expect(() => world.deliver()).toThrow("can't be");
  });
});

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
});

function signalStart(name: string, requestId = "") {
  const signal = {
    name,
    payload: undefined,
    header: undefined,
    links: [],
    requestId,
    contentHash: "h",
    caller,
  };
  return { ...startInput({}, { workflowId: "p", requestId, requestHash: "h" }), signal };
}
