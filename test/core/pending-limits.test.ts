import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { UpdateRequestSchema } from "../../gen/pawl/v1/task_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import { admitUpdate } from "../../src/core/update.js";
import { child, signalOther } from "./between-runs.js";
import { type CommandInit, commands, newScenario } from "./scenario.js";

const limit = 2_000;

function refusalOf(work: () => unknown): RefusedError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

describe("a run may have 2,000 pending of a kind, and no more", () => {
  it.each<[string, string, (seq: number) => CommandInit]>([
    ["activities", "schedule_activity", (seq) => commands.activity(seq)],
    ["timers", "schedule_timer", (seq) => commands.timer(seq, 60)],
    [
      "children",
      "start_child_workflow",
      (seq) => child(seq, { spec: { workflowId: `c${seq}`, workflowType: "order" } }),
    ],
    ["external requests", "signal_external_workflow", (seq) => signalOther(seq)],
  ])("%s: the completion is refused as a whole, naming the command", (kind, command, make) => {
    const run = newScenario();
    run.takeTask();
    const before = run.state;
    const all = Array.from({ length: limit + 1 }, (_, index) => make(index + 1));
    const refusal = refusalOf(() => run.complete(all));
    expect(refusal?.reason).toBe(ErrorReason.PENDING_LIMIT);
    expect(refusal?.metadata).toEqual({
      kind,
      limit: String(limit),
      command_index: String(limit),
      command,
    });
    expect(run.state).toBe(before);
    run.complete(all.slice(0, limit));
    const { activities, timers, children, externalRequests } = run.state;
    expect(activities.size + timers.size + children.size + externalRequests.size).toBe(limit);
  });

  it("updates", () => {
    const run = newScenario();
    const ask = (updateId: string) => {
      const request = create(UpdateRequestSchema, { updateId, name: "set" });
      run.apply((state, context) => admitUpdate(state, { request, contentHash: "h" }, context));
    };
    for (let n = 0; n < limit; n++) ask(`u${n}`);
    const refusal = refusalOf(() => ask("one more"));
    expect(refusal?.reason).toBe(ErrorReason.PENDING_LIMIT);
    expect(refusal?.metadata).toEqual({ kind: "updates", limit: String(limit) });
  });
});
