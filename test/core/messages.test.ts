import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChildWorkflowInitiatedSchema, ExternalFailureCause } from "../../gen/pawl/v1/event_pb.js";
import { deliverMessages } from "../../src/core/deliver-messages.js";
import type { Message } from "../../src/core/run-state.js";
import { cancelOther, child, json, parentOf, signalOther, terminate } from "./between-runs.js";
import { commands, contextAt, startTime, unknownWorkflow } from "./scenario.js";
import { newWorld } from "./world.js";

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

  it("to a namespace that is being deleted do not start what they ask for", () => {
    const { mail } = parentOf(child(1));
    const ending = { ...unknownWorkflow, workflowId: "c", isEnding: true };
    const { messages, runs } = deliverMessages(ending, mail, contextAt(startTime));
    expect(runs).toEqual([]);
    expect(messages.map(({ event }) => event.kind)).toMatchObject([
      { case: "childWorkflowStartFailed", value: { cause: ExternalFailureCause.NAMESPACE_NOT_FOUND } },
    ]);
  });

  it("of an end without a start tell of the start as well", () => {
    const world = parentOf(child(1));
    world.deliver(1);
    world.mail.splice(0, 1);
    world.runTask("c", commands.done());
    world.deliver();
    const { eventId, child: started } = world.last("p", "childWorkflowStarted");
    expect(started?.runId).toBe(world.run("c").runId);
    expect(world.last("p", "childWorkflowCompleted").startedEventId).toBe(eventId);
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
