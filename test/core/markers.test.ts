import { describe, expect, it } from "vitest";
import { type CommandInit, newScenario, reasonOf } from "./scenario.js";

const version = (value: object): CommandInit =>
  ({ seq: 1, kind: { case: "recordVersion", value } }) as CommandInit;
const localActivity = (value: object): CommandInit =>
  ({ seq: 1, kind: { case: "recordLocalActivity", value } }) as CommandInit;
const result = { case: "result", value: { body: { case: "json", value: "1" } } };

describe("what a task records of what it did itself", () => {
  it("is the version of the code that it took", () => {
    const run = newScenario();
    run.runTask(version({ changeId: "tax", version: 2 }));
    expect(run.last("versionRecorded")).toMatchObject({ seq: 1, changeId: "tax", version: 2 });
    expect(run.last("versionRecorded").taskCompletedEventId).toBe(run.last("workflowTaskCompleted").eventId);
  });

  it.each([
    ["a result", result],
    ["a failure", { case: "failure", value: { message: "broken" } }],
  ])("is a local activity with %s", (_what, outcome) => {
    const run = newScenario();
    run.runTask(localActivity({ activityType: "add", attempts: 3, duration: { nanos: 5_000_000 }, outcome }));
    expect(run.last("localActivityRecorded")).toMatchObject({
      activityType: "add",
      attempts: 3,
      duration: { seconds: 0n, nanos: 5_000_000 },
      outcome,
    });
  });

  it.each<[string, CommandInit]>([
    ["a version of nothing", version({ changeId: "" })],
    ["a seq that was used", { ...version({ changeId: "x" }), seq: 0 }],
    ["a local activity without a type", localActivity({ outcome: result })],
    ["a local activity without an outcome", localActivity({ activityType: "add" })],
    ["less than no attempts", localActivity({ activityType: "add", attempts: -1, outcome: result })],
    [
      "a duration that is negative",
      localActivity({ activityType: "add", duration: { seconds: -1n }, outcome: result }),
    ],
    [
      "a result that is not JSON",
      localActivity({
        activityType: "add",
        outcome: { case: "result", value: { body: { case: "json", value: "{" } } },
      }),
    ],
  ])("is refused: %s", (_what, command) => {
    const run = newScenario();
    run.takeTask();
    expect(reasonOf(() => run.complete([command]))).toMatch(/^INVALID_(COMMAND|PAYLOAD)$/);
  });
});
