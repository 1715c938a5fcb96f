import { describe, expect, it } from "vitest";
import { checkDeletion } from "../../src/core/delete.js";
import { runDeleted } from "../../src/core/refusals.js";
import { commands, newScenario, reasonOf, refusalOf } from "./scenario.js";

describe("deleting a run", () => {
  it("is refused while the run is open, naming it and how it stands", () => {
    const run = newScenario();
    expect(refusalOf(() => checkDeletion(run.state))?.metadata).toEqual({ status: "PENDING", run_id: "run" });
    run.takeTask();
    expect(reasonOf(() => checkDeletion(run.state))).toBe("WORKFLOW_OPEN");
    run.complete([commands.done()]);
    expect(reasonOf(() => checkDeletion(run.state))).toBeUndefined();
  });

  it("is told to whoever still reads it", () => {
    const refusal = runDeleted({ workflowId: "wf", runId: "r" });
    expect(refusal.message).toContain('run r of workflow "wf"');
    expect(refusal.metadata).toEqual({ workflow_id: "wf", run_id: "r" });
  });
});
