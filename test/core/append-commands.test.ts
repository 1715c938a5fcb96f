import { describe, expect, it } from "vitest";
import { appendCommands } from "../../src/core/append-commands.js";
import { newScenario, reasonOf } from "./scenario.js";

describe("commands that are sent ahead", () => {
  it("are counted with the task, once, and go with it", () => {
    const run = newScenario();
    const fence = run.takeTask();
    const append = (offset: number, count: number, bytes = 10) =>
      run.apply((state, context) => appendCommands(state, { fence, offset, count, bytes }, context));
    expect(append(0, 2)).toBe(2);
    expect(append(0, 2)).toBe(2);
    expect(append(2, 1)).toBe(3);
    expect(run.state.workflowTask?.appended).toEqual({ count: 3, bytes: 20 });
    expect(reasonOf(() => append(4, 1))).toBe("INVALID_FIELD");
    expect(reasonOf(() => append(3, 1, 64 * 1024 * 1024))).toBe("CALL_LIMIT");
    run.complete([]);
    expect(reasonOf(() => append(0, 1))).toBe("STALE_LEASE");
  });

  it("leave no gap at the beginning", () => {
    const run = newScenario();
    const fence = run.takeTask();
    const input = { fence, offset: 1, count: 1, bytes: 1 };
    expect(reasonOf(() => run.apply((state, context) => appendCommands(state, input, context)))).toBe(
      "INVALID_FIELD",
    );
  });
});
