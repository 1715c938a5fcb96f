import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import { terminateWorkflow } from "../../src/core/terminate.js";
import { admitUpdate } from "../../src/core/update.js";
import { updatesForTask } from "../../src/core/update-end.js";
import {
  type CommandInit,
  caller,
  commands,
  explanationsOf,
  newScenario,
  reasonOf,
  type Scenario,
} from "./scenario.js";

const json = (value: string) => ({ body: { case: "json" as const, value } });
const accept = (updateId: string): CommandInit => ({ kind: { case: "acceptUpdate", value: { updateId } } });
const reject = (updateId: string, rest: object = {}): CommandInit => ({
  kind: { case: "rejectUpdate", value: { updateId, ...rest } },
});
const answer = (updateId: string, outcome: object = { case: "result", value: json("1") }): CommandInit =>
  ({ kind: { case: "completeUpdate", value: { updateId, outcome } } }) as CommandInit;

function admit(run: Scenario, updateId: string, rest: object = {}, contentHash = "h"): void {
  const request = create(UpdateRequestSchema, { updateId, name: "set", input: json("7"), ...rest });
  run.apply((state, context) => admitUpdate(state, { request, contentHash }, context));
}

/** A run whose first task is done, with nothing pending. */
function idle(limits = {}): Scenario {
  const run = newScenario({}, limits);
  run.runTask();
  return run;
}

const idsForTask = (run: Scenario) => updatesForTask(run.state).map(({ updateId }) => updateId);

describe("an update", () => {
  it("gets a workflow task, is accepted as an event and answered by another", () => {
    const run = idle();
    const before = run.kinds().length;
    admit(run, "u1", { header: { fields: { trace: json("1") } } });
    expect(run.kinds().slice(before)).toEqual(["workflowTaskScheduled"]);
    expect(idsForTask(run)).toEqual(["u1"]);
    run.runTask(accept("u1"));
    expect(run.last("updateAccepted")).toMatchObject({ updateId: "u1", name: "set", input: json("7") });
    expect(run.last("updateAccepted").taskCompletedEventId).toBe(run.last("workflowTaskCompleted").eventId);
    expect(idsForTask(run)).toEqual([]);
    run.signal();
    run.runTask(answer("u1"));
    expect(run.last("updateCompleted")).toMatchObject({
      updateId: "u1",
      acceptedEventId: run.last("updateAccepted").eventId,
      outcome: { case: "result", value: json("1") },
    });
    expect(run.state.updates.size).toBe(0);
    expect(run.state.keys.get("update:u1")?.eventId).toBe(run.last("updateCompleted").eventId);
  });

  it("may be accepted and failed in one task, without input", () => {
    const run = idle();
    admit(run, "u1", { input: undefined });
    run.runTask(accept("u1"), answer("u1", { case: "failure", value: { message: "no" } }));
    expect(run.last("updateCompleted").outcome).toMatchObject({ case: "failure", value: { message: "no" } });
  });

  it("leaves nothing of its own in history when it is rejected", () => {
    const run = idle();
    admit(run, "u1");
    admit(run, "u2");
    run.runTask(reject("u1", { failure: { message: "bad" } }), reject("u2"));
    expect(run.kinds().at(-1)).toBe("workflowTaskCompleted");
    expect(run.state.updates.get("u1")?.rejection?.message).toBe("bad");
    expect(run.state.updates.get("u2")?.rejection?.message).toBe("the update was rejected");
    expect(run.state.keys.get("update:u1")?.eventId).toBe(run.last("workflowTaskCompleted").eventId);
    expect(idsForTask(run)).toEqual([]);
  });

  it("that comes while a task is started goes out with the next one, in order", () => {
    const run = idle();
    admit(run, "u1");
    run.takeTask();
    admit(run, "u2");
    admit(run, "u3");
    expect(idsForTask(run)).toEqual(["u1"]);
    expect(reasonOf(() => run.complete([accept("u2")]))).toBe("INVALID_COMMAND");
    run.complete([accept("u1")]);
    expect(run.kinds().at(-1)).toBe("workflowTaskScheduled");
    expect(idsForTask(run)).toEqual(["u2", "u3"]);
  });

  it("repeated changes nothing, before and after its answer; with other content its id is refused", () => {
    const run = idle();
    admit(run, "u1");
    const before = run.state;
    admit(run, "u1");
    expect(run.state).toBe(before);
    expect(reasonOf(() => admit(run, "u1", {}, "other"))).toBe("REQUEST_ID_REUSED");
    run.runTask(accept("u1"), answer("u1"), commands.done());
    const after = run.state;
    admit(run, "u1");
    expect(run.state).toBe(after);
    expect(reasonOf(() => admit(run, "u1", {}, "other"))).toBe("REQUEST_ID_REUSED");
    expect(reasonOf(() => admit(run, "u2"))).toBe("WORKFLOW_CLOSED");
  });

  it("that is not answered when the run closes names the closing event; a rejection stays to be stored", () => {
    const run = idle();
    admit(run, "u1");
    admit(run, "u2");
    admit(run, "u3");
    run.runTask(accept("u1"), reject("u3"), commands.done());
    expect([...run.state.updates.keys()]).toEqual(["u3"]);
    const closing = run.last("workflowCompleted").eventId;
    expect(["u1", "u2"].map((id) => run.state.keys.get(`update:${id}`)?.eventId)).toEqual([closing, closing]);
  });

  it("ends with a run that is terminated while a worker holds its task", () => {
    const run = idle();
    run.signal();
    run.takeTask();
    admit(run, "u1");
    const input = { reason: "", details: undefined, requestId: "", contentHash: "", caller };
    run.apply((state, context) => terminateWorkflow(state, input, context));
    expect(run.state.keys.get("update:u1")?.eventId).toBe(run.last("workflowTerminated").eventId);
  });

  it("is told of where the run's waiting is", () => {
    const run = idle();
    admit(run, "u1");
    admit(run, "u2");
    run.runTask(accept("u1"));
    expect(explanationsOf(run.state)).toEqual([
      'Waits for its code to answer update "u1".',
      'Waits for its code to accept update "u2".',
    ]);
  });

  it.each<[string, CommandInit[], string]>([
    ["accepted twice", [accept("u1"), accept("u1")], "INVALID_COMMAND"],
    ["answered before it is accepted", [answer("u1")], "INVALID_COMMAND"],
    ["answered twice", [accept("u1"), answer("u1"), answer("u1")], "INVALID_COMMAND"],
    ["answered with nothing", [accept("u1"), answer("u1", { case: undefined })], "INVALID_COMMAND"],
    [
      "answered with no JSON",
      [accept("u1"), answer("u1", { case: "result", value: json("{") })],
      "INVALID_PAYLOAD",
    ],
    ["rejected after it was accepted", [accept("u1"), reject("u1")], "INVALID_COMMAND"],
    ["unknown", [accept("nobody")], "INVALID_COMMAND"],
  ])("can't be %s", (_what, inits, reason) => {
    const run = idle();
    admit(run, "u1");
    run.takeTask();
    expect(reasonOf(() => run.complete(inits))).toBe(reason);
  });

  it.each<[string, object, string]>([
    ["an id that is empty", { updateId: "" }, "INVALID_FIELD"],
    ["a name that is empty", { name: "" }, "INVALID_FIELD"],
    ["an input that is no JSON", { input: json("{") }, "INVALID_PAYLOAD"],
    ["an identity of U+0000", { identity: "\0" }, "INVALID_FIELD"],
  ])("is refused with %s", (_what, rest, reason) => {
    expect(reasonOf(() => admit(idle(), "u1", rest))).toBe(reason);
  });

  it("is refused beyond the number that may be pending", () => {
    const run = idle({ maxPendingPerKind: 1 });
    admit(run, "u1");
    expect(reasonOf(() => admit(run, "u2"))).toBe("PENDING_LIMIT");
    run.runTask(reject("u1"));
    admit(run, "u2");
  });

  it("is refused beyond the size that a task can bring, unless it is one alone", () => {
    const run = idle();
    const large = { input: json(JSON.stringify("x".repeat(1_500_000))) };
    admit(run, "u1", large);
    expect(reasonOf(() => admit(run, "u2"))).toBe("PENDING_LIMIT");
    run.runTask(accept("u1"));
    admit(run, "u2");
  });
});
