import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { describeWaiting } from "../../src/core/describe-waiting.js";
import { wake } from "../../src/core/wake.js";
import { failWorkflowTask } from "../../src/core/workflow-task.js";
import { caller, commands, newScenario } from "./scenario.js";

describe("what a run waits for", () => {
  it("is a worker that takes its task, then one that has it, then its next try", () => {
    const run = newScenario();
    expect(describeWaiting(run.state)).toEqual([
      'Waits for a worker that takes workflow tasks of type "Order" from queue "default".',
    ]);
    run.takeTask();
    expect(describeWaiting(run.state)).toEqual(['Waits for worker "w" to finish a workflow task.']);
    const failure = create(FailureSchema, { message: "boom" });
    const input = { fence: run.taskFence(), cause: 0, failure, caller, workerId: "", buildId: "" };
    run.apply((state, context) => failWorkflowTask(state, input, context));
    expect(describeWaiting(run.state)).toEqual([
      "Its workflow task is blocked: it waits for its next try after 1 failed attempts (the last: boom).",
    ]);
  });

  it("is activities, timers or a signal", () => {
    const run = newScenario();
    run.runTask();
    expect(describeWaiting(run.state)).toEqual(["Waits for a signal: nothing else is pending."]);
    run.signal();
    run.runTask(commands.timer(1, 60));
    expect(describeWaiting(run.state)).toEqual(["Waits for a timer that fires at 2023-11-14T22:14:20.000Z."]);
    run.signal();
    const heartbeatTimeout = { seconds: 1n, nanos: 0 };
    run.runTask(commands.timer(2, 5), commands.activity(3), commands.activity(4, { heartbeatTimeout }));
    run.takeActivity(4);
    expect(describeWaiting(run.state)).toEqual([
      'Waits for a worker that takes activity "3" of type "charge" from queue "default".',
      'Waits for worker "w" to finish activity "4" of type "charge".',
      "Waits for 2 timers; the next fires at 2023-11-14T22:13:25.000Z.",
    ]);
    run.pass(1_000);
    run.apply(wake);
    expect(describeWaiting(run.state)[1]).toBe(
      `Waits for the next try of activity "4" of type "charge" after 1 failed attempts (the last: no heartbeat came within the activity's heartbeat timeout).`,
    );
  });

  it("names anonymous workers so, and no more activities than one reads", () => {
    const run = newScenario();
    run.takeTask("p", { identity: "", workerId: "" });
    expect(describeWaiting(run.state)).toEqual(['Waits for worker "anonymous" to finish a workflow task.']);
    run.complete(Array.from({ length: 12 }, (_, index) => commands.activity(index + 1)));
    expect(describeWaiting(run.state).at(-1)).toBe("Waits for 2 more activities.");
    run.signal();
    run.takeTask("q", { identity: "", workerId: "id" });
    expect(describeWaiting(run.state)[0]).toBe('Waits for worker "id" to finish a workflow task.');
    run.complete([commands.done()]);
    expect(describeWaiting(run.state)).toEqual([]);
  });
});
