import { expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import type { Engine } from "../../src/engine/engine.js";
import {
  type ClientInterceptor,
  type ClientOptions,
  createClient,
  WorkflowNotFoundError,
} from "../../src/sdk/client/index.js";
import type { ActivityInterceptor } from "../../src/sdk/worker/index.js";
import { ApplicationFailure, workflow } from "../../src/sdk/workflow/index.js";
import { openTestFront } from "../support/test-front.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();

async function clientOf(operations: Partial<Engine>, options: ClientOptions) {
  const { address } = await openTestFront(operations);
  const client = createClient({ address, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Notes that a call goes by, in and out. */
const noting =
  (name: string, seen: string[]): ClientInterceptor =>
  async (call, next) => {
    seen.push(`${name} > ${call.operation} ${call.name}`.trim());
    try {
      return await next(call);
    } finally {
      seen.push(`${name} <`);
    }
  };

test("interceptors of a client go around each call in their order, and retries happen inside", async () => {
  const seen: string[] = [];
  let tries = 0;
  const client = await clientOf(
    {
      signalWorkflow: async () => {
        tries++;
        if (tries < 3) throw new RefusedError(ErrorReason.SERVER_BUSY, "busy");
        return { runId: "r" };
      },
    },
    { interceptors: [noting("outer", seen), noting("inner", seen)] },
  );
  await client.signal("w", "go", 1);
  expect(seen).toEqual(["outer > signal go", "inner > signal go", "inner <", "outer <"]);
  expect(tries).toBe(3);
});

test("every operation comes by, with what it is about", async () => {
  const seen: unknown[] = [];
  const refusing: ClientInterceptor = async ({ operation, name, workflowId, runId, input }) => {
    seen.push([operation, name, workflowId, runId, input]);
    throw new Error("no further");
  };
  const client = await clientOf({}, { interceptors: [refusing] });
  const handle = client.handle("w", "r");
  const calls = [
    client.start("W", 1, { workflowId: "w" }),
    client.startMany([{ workflow: workflow("W", async (_, n: number) => n), input: 1 }]),
    client.signalWithStart(
      workflow("W", async (_, n: number) => n),
      1,
      { signal: "go" },
    ),
    handle.result(),
    handle.signal("go", 1),
    handle.query("q", 1),
    handle.update("u", 1),
    handle.startUpdate("u", 1),
    handle.cancel(),
    handle.terminate(),
    handle.reset({ eventId: 1 }),
    handle.delete(),
    handle.describe(),
  ];
  for (const call of calls) await expect(call).rejects.toThrow("no further");
  expect(seen).toEqual([
    ["start", "W", "w", undefined, 1],
    ["startMany", "", undefined, undefined, [1]],
    ["signalWithStart", "W", undefined, undefined, 1],
    ["result", "", "w", "r", undefined],
    ["signal", "go", "w", "r", 1],
    ["query", "q", "w", "r", 1],
    ["update", "u", "w", "r", 1],
    ["update", "u", "w", "r", 1],
    ["cancel", "", "w", "r", undefined],
    ["terminate", "", "w", "r", undefined],
    ["reset", "", "w", "r", undefined],
    ["delete", "", "w", "r", undefined],
    ["describe", "", "w", "r", undefined],
  ]);
});

test("interceptors may change what is carried, catch errors and answer themselves", async () => {
  const client = await clientOf(
    {
      startWorkflow: async ({ spec }) => {
        expect(spec?.input?.body.value).toBe('{"n":2}');
        expect(spec?.header?.fields.trace?.body.value).toBe('"t1"');
        return { workflowId: "w", runId: "r", isStarted: true };
      },
      getWorkflow: async () => {
        throw new RefusedError(ErrorReason.WORKFLOW_NOT_FOUND, "there is none");
      },
    },
    {
      interceptors: [
        async (call, next) => {
          if (call.operation === "start") return next({ ...call, input: { n: 2 }, headers: { trace: "t1" } });
          return next(call).catch((error) => {
            expect(error).toBeInstanceOf(WorkflowNotFoundError);
            return "nothing there";
          });
        },
      ],
    },
  );
  expect(await client.start("W", { n: 1 })).toMatchObject({ runId: "r" });
  expect(await client.describe("w")).toBe("nothing there");
});

const child = workflow("TracedChild", async (ctx) => ({
  child: ctx.info.headers.trace,
  activity: await ctx.activity("trace"),
}));
const traced = workflow("Traced", async (ctx, round: number): Promise<unknown> => {
  if (round === 0) return ctx.continueAsNew(1);
  return { own: ctx.info.headers.trace, ...((await ctx.child(child)) as object) };
});

test("headers of a start go along to the run, its activities and children, and the run that goes on", async () => {
  const tracing: ClientInterceptor = (call, next) => next({ ...call, headers: { trace: { id: 7 } } });
  const client = createClient({ address: server.address, interceptors: [tracing] });
  onTestFinished(() => client.close());
  await server.work({
    workflows: [traced, child],
    activities: { trace: async (_: unknown, { info }) => info.headers.trace },
  });
  const trace = { id: 7 };
  expect(await client.execute(traced, 0)).toEqual({ own: trace, child: trace, activity: trace });
});

const work = workflow("Intercepted", async (ctx, input: string) =>
  ctx.activity<string>("work", input, { retry: { initialInterval: 1 } }),
);

test("interceptors of activities go around each attempt in their order, and their errors are the attempt's", async () => {
  const seen: string[] = [];
  const noting: ActivityInterceptor = async (execution, next) => {
    const { attempt, activityType } = execution.context.info;
    seen.push(`${activityType} ${attempt}`);
    const result = await next(execution).catch((error) => {
      seen.push(`threw ${error.message}`);
      throw error;
    });
    seen.push(`gave ${result}`);
    return `${result}!`;
  };
  const failing: ActivityInterceptor = async (execution, next) => {
    if (execution.context.info.attempt === 1) throw new ApplicationFailure("not yet");
    return next({ ...execution, input: `${execution.input}s` });
  };
  await server.work({
    taskQueue: "intercepted",
    workflows: [work],
    activities: { work: async (input: string) => input.toUpperCase() },
    activityInterceptors: [noting, failing],
  });
  expect(await server.client.execute(work, "word", { taskQueue: "intercepted" })).toBe("WORDS!");
  expect(seen).toEqual(["work 1", "threw not yet", "work 2", "gave WORDS"]);
});
