import { describe, expect, test } from "vitest";
import type { Command } from "../../gen/pawl/v1/command_pb.js";
import { encodeFailure } from "../../src/sdk/failure-codec.js";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import {
  ApplicationFailure,
  ChildFailure,
  defineSignal,
  isCancellation,
  type WorkflowContext,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

const names = (commands: readonly Command[]) => commands.map((command) => command.kind.case);
const begin = (code: (ctx: WorkflowContext) => Promise<unknown>) => {
  const definition = workflow("Parent", code);
  const run = startFakeRun(definition);
  return { run, replay: () => replayHistory(definition, run.events) };
};
const resultOf = (commands: readonly Command[]) => {
  const kind = commands.at(-1)?.kind;
  if (kind?.case === "completeWorkflow") return JSON.parse(String(kind.value.result?.body.value));
  throw new Error(`the last command is ${kind?.case}`);
};
const child = workflow("Child", async (_ctx, n: number) => n + 1);
const started = (seq: number) => ({
  case: "childWorkflowStarted" as const,
  value: { seq, child: { namespace: "main", workflowId: `c${seq}`, runId: `r${seq}` } },
});
const completed = (seq: number, json: string) => ({
  case: "childWorkflowCompleted" as const,
  value: { seq, result: { body: { case: "json", value: json } } },
});

describe("a child", () => {
  test("is started with its options and gives its typed result", async () => {
    const { run, replay } = begin(async (ctx) => {
      const four: number = await ctx.child(child, 3, {
        workflowId: "mine",
        parentClosePolicy: "abandon",
        runTimeout: "1h",
      });
      return four;
    });
    const [command] = await run.task();
    expect(command?.kind).toMatchObject({
      case: "startChildWorkflow",
      value: {
        parentClosePolicy: 3,
        spec: {
          workflowId: "mine",
          workflowType: "Child",
          input: { body: { value: "3" } },
          runTimeout: { seconds: 3600n },
        },
      },
    });
    run.arrive(started(1));
    expect(await run.task()).toEqual([]);
    run.arrive(completed(1, "4"));
    expect(resultOf(await run.task())).toBe(4);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that fails throws a ChildFailure with its failure as cause", async () => {
    const { run, replay } = begin(async (ctx) => {
      try {
        await ctx.child("Child");
      } catch (error) {
        if (!(error instanceof ChildFailure)) throw error;
        return [error.workflowType, error.workflowId, (error.cause as ApplicationFailure).type];
      }
    });
    await run.task();
    run.arrive(started(1));
    const failure = encodeFailure(new ApplicationFailure("no", { type: "Declined" }));
    run.arrive({ case: "childWorkflowFailed", value: { seq: 1, failure } });
    expect(resultOf(await run.task())).toEqual(["Child", "c1", "Declined"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that can't start rejects its handle and says why", async () => {
    const { run } = begin(async (ctx) => ctx.startChild(child, 1));
    await run.task();
    run.arrive({ case: "childWorkflowStartFailed", value: { seq: 1, workflowId: "x", cause: 4 } });
    const [command] = await run.task();
    expect(command?.kind).toMatchObject({
      case: "failWorkflow",
      value: {
        failure: { kind: { case: "childWorkflow" }, cause: { kind: { value: { type: "WORKFLOW_EXISTS" } } } },
      },
    });
  });

  test("has a handle to signal it, cancel it and take its result more than once", async () => {
    const { run, replay } = begin(async (ctx) => {
      const handle = await ctx.startChild(child, 1);
      await handle.signal(defineSignal<string>("go"), "now");
      handle.cancel("enough");
      const outcomes = await Promise.allSettled([handle.result(), handle.result()]);
      return [handle.workflowId, ...outcomes.map((o) => o.status === "rejected" && isCancellation(o.reason))];
    });
    await run.task();
    run.arrive(started(1));
    const [signal] = await run.task();
    expect(signal?.kind).toMatchObject({
      case: "signalExternalWorkflow",
      value: { childOnly: true, name: "go", target: { workflowId: "c1", runId: "" } },
    });
    run.arrive({ case: "externalSignalDelivered", value: { seq: 2 } });
    expect(names(await run.task())).toEqual(["cancelChild"]);
    run.arrive({ case: "childWorkflowCancelled", value: { seq: 1 } });
    expect(resultOf(await run.task())).toEqual(["c1", true, true]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test.each([
    ["request", ["cancelChild", "completeWorkflow"]],
    ["abandon", ["completeWorkflow"]],
    ["wait", ["cancelChild"]],
  ] as const)("whose wait is cancelled is left by its option (%s)", async (onCancel, expected) => {
    const { run, replay } = begin(async (ctx) => {
      const result = ctx.child(child, 1, { onCancel });
      return result.catch((error: Error) => error.name);
    });
    await run.task();
    run.arrive(started(1));
    run.arrive({ case: "workflowCancelRequested", value: {} });
    expect(names(await run.task())).toEqual(expected);
    if (onCancel === "wait") {
      run.arrive(completed(1, "2"));
      expect(resultOf(await run.task())).toBe(2);
    }
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });

  test("that ended before its cancellation leaves no event of it, on replay too", async () => {
    const { run, replay } = begin(async (ctx) => {
      const handle = await ctx.startChild(child, 1);
      await ctx.signal("stop").next();
      handle.cancel();
      await ctx.sleep(5);
    });
    await run.task();
    run.arrive(started(1));
    await run.task();
    run.signal("stop");
    run.startTask();
    run.arrive(completed(1, "2"));
    await run.completeTask();
    run.fire(3);
    expect(names(await run.task())).toEqual(["completeWorkflow"]);
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });
});

describe("another workflow", () => {
  test("is signalled and asked to cancel, and tells when there is none", async () => {
    const { run, replay } = begin(async (ctx) => {
      const other = ctx.external("other", "run-9");
      await other.signal("go", 1);
      return other.cancel("why").catch((error: ApplicationFailure) => error.type);
    });
    const [signal] = await run.task();
    expect(signal?.kind.value).toMatchObject({
      childOnly: false,
      target: { workflowId: "other", runId: "run-9" },
    });
    run.arrive({ case: "externalSignalDelivered", value: { seq: 1 } });
    expect(names(await run.task())).toEqual(["cancelExternalWorkflow"]);
    run.arrive({ case: "externalCancelFailed", value: { seq: 2, cause: 1 } });
    expect(resultOf(await run.task())).toBe("WORKFLOW_NOT_FOUND");
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });
});

describe("an activity whose wait is cancelled", () => {
  test("is awaited to its end if it shall be", async () => {
    const { run, replay } = begin((ctx) => ctx.activity("undo", undefined, { onCancel: "wait" }));
    await run.task();
    run.arrive({ case: "workflowCancelRequested", value: {} });
    expect(names(await run.task())).toEqual(["cancelActivity"]);
    run.complete(1, "undone");
    expect(resultOf(await run.task())).toBe("undone");
    expect(await replay()).toMatchObject({ kind: "completed", isClosed: true });
  });
});
