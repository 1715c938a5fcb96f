/** What tests of the worker share. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import {
  type ActivityTask,
  ActivityTaskSchema,
  type WorkflowTask,
  WorkflowTaskSchema,
} from "../../gen/pawl/v1/task_pb.js";
import { createWorker, type Worker, type WorkerOptions } from "../../src/sdk/worker/index.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { type FakeRun, startFakeRun } from "./fake-run.js";
import { type FakeAnswers, startFakeServer, untilGone } from "./fake-server.js";

/** What to undo after a test, in order. */
export const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A list that can be waited on. */
export function collect<T>() {
  const items: T[] = [];
  const waiting: { count: number; resolve: (items: T[]) => void }[] = [];
  return {
    items,
    push(...more: T[]) {
      items.push(...more);
      for (const one of waiting) if (items.length >= one.count) one.resolve(items);
    },
    atLeast: (count: number) =>
      new Promise<T[]>((resolve) =>
        items.length >= count ? resolve(items) : waiting.push({ count, resolve }),
      ),
  };
}

/** Gives each batch of tasks to one poll; further polls wait until their caller goes. */
export function pollOf<T>(batches: T[][]) {
  return async (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
    const tasks = batches.shift();
    if (tasks === undefined) await untilGone(signal);
    return { tasks: tasks ?? [] };
  };
}

/** The outcome of what took effect. */
export const accepted = { outcome: { case: "accepted" as const, value: {} } };
/** The outcome of what came too late. */
export const stale = {
  outcome: { case: "error" as const, value: { code: 10, reason: 40, message: "stale" } },
};
const quiet = { info() {}, warn() {} };
/** A workflow of one activity. */
export const echo = workflow("Echo", async (ctx, input: unknown) => ctx.activity("echo", input));

/** Starts a worker against a fake server. */
export async function start(
  answers: FakeAnswers,
  options: WorkerOptions,
): Promise<{ worker: Worker; port: number; stopServer: () => void }> {
  const server = await startFakeServer(answers);
  const worker = createWorker({ address: server.address, logger: quiet, drainMs: 200, ...options });
  cleanUps.push(worker.stop, server.stop);
  await worker.start();
  return { worker, port: server.port, stopServer: server.stop };
}

/** The task that a run has in hand. */
export function taskOf(
  run: FakeRun,
  fields: { readonly token: string; readonly after?: number; readonly events?: HistoryEvent[] },
): WorkflowTask {
  const after = fields.after ?? 0;
  return create(WorkflowTaskSchema, {
    taskToken: Buffer.from(fields.token),
    workflowId: "w",
    runId: "run-1",
    workflowType: "Echo",
    attempt: 1,
    startedEventId: run.events.length,
    history: fields.events ?? run.events.slice(after),
    historyAfterEventId: after,
  });
}

/** A run of echo with its first task in hand. */
export function started(input: unknown): FakeRun {
  const run = startFakeRun(echo, input);
  run.startTask();
  return run;
}

/** An attempt at the activity "work", whose token is a text. */
export function activityTask(
  token: string,
  fields: MessageInitShape<typeof ActivityTaskSchema> = {},
): ActivityTask {
  const base = { taskToken: Buffer.from(token), runId: "run-1", seq: 1, activityType: "work", attempt: 1 };
  return create(ActivityTaskSchema, { ...base, ...fields } as MessageInitShape<typeof ActivityTaskSchema>);
}

/** The tokens of completions or reports, as texts. */
export function tokensOf(items: readonly { readonly target: { readonly value?: unknown } }[]): string[] {
  return items.map(({ target }) => String(Buffer.from(target.value as Uint8Array)));
}
