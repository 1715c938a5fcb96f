import { expect, expectTypeOf, test } from "vitest";
import {
  type Client,
  ScheduleAlreadyExistsError,
  ScheduleNotFoundError,
  WorkflowAlreadyStartedError,
  WorkflowClosedError,
  WorkflowNotFoundError,
} from "../../src/sdk/client/index.js";
import {
  ApplicationFailure,
  defineSignal,
  defineUpdate,
  type WorkflowContext,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();

const add = defineSignal<number>("add");
const finish = defineUpdate<number, string>("finish");

/** Adds up what it is given and sent, until it is told to finish by somebody. */
const sum = workflow("Sum", async (ctx, start: number) => {
  let total = start;
  let isFinished = false;
  ctx.onSignal(add, (n) => {
    total += n;
  });
  ctx.onUpdate(
    finish,
    async () => {
      await ctx.sleep(1);
      isFinished = true;
      return total;
    },
    {
      validate(by) {
        if (by === "") throw new ApplicationFailure("somebody must finish it");
      },
    },
  );
  await ctx.condition(() => isFinished && ctx.areHandlersDone);
  return total;
});
const shout = workflow("Shout", async (_, text: string) => text.toUpperCase());
const parent = workflow("Parent", async (ctx, texts: readonly string[]) =>
  Promise.all(texts.map((text) => ctx.child(shout, text))),
);

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("many workflows start in one call, typed each by its own, with an outcome each", async () => {
  const { client } = server;
  await server.work({ workflows: [shout, sum] });
  const outcomes = await client.startMany([
    { workflow: shout, input: "a", workflowId: "many-1" },
    { workflow: sum, input: 1, workflowId: "many-2" },
    { workflow: shout, input: "b", workflowId: "many-1", openIdPolicy: "fail", closedIdPolicy: "reject" },
  ]);
  const [first, second, third] = outcomes;
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  if (first.status === "rejected" || second.status === "rejected" || third.status === "fulfilled")
    throw new Error("not as started");
  expectTypeOf(first.value.result()).resolves.toEqualTypeOf<string>();
  expectTypeOf(second.value.result()).resolves.toEqualTypeOf<number>();
  expect(await first.value.result()).toBe("A");
  expect(third.reason).toBeInstanceOf(WorkflowAlreadyStartedError);
  expect(third.reason.runId).toBe(first.value.runId);
  await second.value.terminate();
});

test("more starts than fit in one request go in several", async () => {
  const { client } = server;
  const starts = Array.from({ length: 1_001 }, (_, index) => ({
    workflow: shout,
    input: String(index),
    workflowId: `bulk-${index}`,
    taskQueue: "nobody",
  }));
  const large = "x".repeat(1_000_000);
  const larger = Array.from({ length: 5 }, () => ({ workflow: shout, input: large, taskQueue: "nobody" }));
  const outcomes = await client.startMany([...starts, ...larger]);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1_006);
  const last = outcomes[1_000];
  expect(last?.status === "fulfilled" && last.value.workflowId).toBe("bulk-1000");
});

test("types of starts are checked", () => {
  const misuse = (client: Client) => {
    // @ts-expect-error the input of Shout is a text
    void client.start(shout, 1);
    // @ts-expect-error the input of Sum is a number
    void client.startMany([{ workflow: sum, input: "1" }]);
    // @ts-expect-error the signal carries a number
    void client.signalWithStart(sum, 1, { signal: add, payload: "1" });
    // @ts-expect-error the input of Shout is a text
    void client.schedules.create("s", { spec: {}, action: { workflow: shout, input: 1 } });
  };
  expect(misuse).toBeTypeOf("function");
});

test("the input may be left out where the workflow takes none, and only there", () => {
  const maybe = workflow("Maybe", async (_, input?: string) => input);
  const nothing = workflow("Nothing", async () => 1);
  const inputsLeftOut = (client: Client, ctx: WorkflowContext) => {
    void client.start(nothing);
    void client.start(nothing, undefined, { workflowId: "n" });
    void client.startMany([{ workflow: nothing }, { workflow: maybe }, { workflow: maybe, input: "a" }]);
    expectTypeOf(client.execute(nothing)).resolves.toEqualTypeOf<number>();
    expectTypeOf(client.execute(maybe)).resolves.toEqualTypeOf<string | undefined>();
    expectTypeOf(ctx.child(nothing)).resolves.toEqualTypeOf<number>();
    void ctx.startChild(maybe);
    // @ts-expect-error Shout takes an input
    void client.start(shout);
    // @ts-expect-error Shout takes an input
    void client.startMany([{ workflow: shout }]);
    // @ts-expect-error Shout takes an input
    void ctx.child(shout);
    // @ts-expect-error the input of Maybe is a text
    void client.execute(maybe, 1);
  };
  expect(inputsLeftOut).toBeTypeOf("function");
});

test("a signal starts the workflow that it finds no open run of", async () => {
  const { client } = server;
  await server.work({ workflows: [sum] });
  const options = { workflowId: "with-start", signal: add, payload: 5 };
  const first = await client.signalWithStart(sum, 100, options);
  const second = await client.signalWithStart(sum, 100, options);
  expect([first.isStarted, second.isStarted]).toEqual([true, false]);
  expect(second.runId).toBe(first.runId);
  expect(await first.update(finish, "me")).toBe(110);
  expect(await second.result()).toBe(110);
});

test("an update is started, accepted or rejected, and answered later", async () => {
  const { client } = server;
  await server.work({ workflows: [sum] });
  const handle = await client.start(sum, 3);
  await expect(handle.startUpdate(finish, "")).rejects.toThrow("somebody must finish it");
  const update = await handle.startUpdate(finish, "me", { updateId: "the end" });
  expect(update).toMatchObject({ updateId: "the end", runId: handle.runId });
  expect(await update.result()).toBe(3);
  expectTypeOf(update.result()).resolves.toEqualTypeOf<number>();
  expect(await client.handle(handle.workflowId).updateHandle("the end").result()).toBe(3);
});

test("errors that are often caught have classes", async () => {
  const { client } = server;
  await server.work({ workflows: [shout] });
  const handle = await client.start(shout, "a", { workflowId: "caught" });
  await handle.result();
  await expect(handle.signal(add, 1)).rejects.toBeInstanceOf(WorkflowClosedError);
  await expect(handle.signal(add, 1)).rejects.toMatchObject({ status: "COMPLETED" });
  await expect(client.describe("nothing")).rejects.toBeInstanceOf(WorkflowNotFoundError);
  const again = client.start(shout, "a", { workflowId: "caught", closedIdPolicy: "reject" });
  await expect(again).rejects.toMatchObject({ name: "WorkflowAlreadyStartedError", runId: handle.runId });
  await handle.delete();
  await expect(handle.describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
});

test("histories are followed, children and waiting runs listed, runs reset", async () => {
  const { client } = server;
  await server.work({ workflows: [shout, parent] });
  const stuck = await client.start(shout, "x", { taskQueue: "nobody", workflowId: "stuck" });
  const handle = await client.start(parent, ["a", "b"]);
  const events = await all(handle.history({ follow: true }));
  expect(await all(client.history(handle.workflowId))).toEqual(events);
  expect(events.at(-1)?.kind.case).toBe("workflowCompleted");
  const children = await all(client.children(handle.workflowId));
  expect(children.map((child) => child.workflowType)).toEqual(["Shout", "Shout"]);
  const waiting = await all(client.waiting({ idleFor: 0 }));
  expect(waiting.map(({ workflow }) => workflow?.workflowId)).toContain("stuck");
  await stuck.cancel("not needed", { cancelPending: true });
  await expect(stuck.result()).rejects.toMatchObject({ status: "CANCELLED" });
  const completed = events.find((event) => event.kind.case === "workflowTaskCompleted");
  const runId = await handle.reset({ eventId: completed?.eventId ?? 0, reason: "once more" });
  expect(runId).not.toBe(handle.runId);
  expect(await client.handle(parent, handle.workflowId, runId).result()).toEqual(["A", "B"]);
});

test("a schedule is made, read, changed, paused, fired and deleted", async () => {
  const { schedules } = server.client;
  await server.work({ workflows: [shout] });
  const made = await schedules.create("nightly", {
    spec: {
      cron: "0 2 * * *",
      every: { interval: "1 day", offset: "30m" },
      timeZone: "Europe/Berlin",
      jitter: "5m",
    },
    action: { workflow: shout, input: "good night", runTimeout: "1h", memo: { team: "ops" } },
    overlap: "queue",
    catchUpWindow: "10m",
    note: "made by a test",
  });
  expect(made).toMatchObject({
    scheduleId: "nightly",
    spec: { cron: ["0 2 * * *"], timeZone: "Europe/Berlin", jitter: 300_000 },
    workflowType: "Shout",
    input: "good night",
    overlap: "queue",
    catchUpWindow: 600_000,
    isPaused: false,
  });
  expect(made.spec.every).toEqual([{ interval: 86_400_000, offset: 1_800_000 }]);
  expect(made.nextFires).toHaveLength(10);
  await expect(
    schedules.create("nightly", { spec: { every: "1h" }, action: { workflow: "X" } }),
  ).rejects.toBeInstanceOf(ScheduleAlreadyExistsError);

  const run = await schedules.trigger("nightly", { overlap: "allow-all" });
  expect(await server.client.result(run?.workflowId ?? "")).toBe("GOOD NIGHT");
  const record = await server.client.describe(run?.workflowId ?? "");
  expect(record.workflow?.memo.team?.body.value).toBe('"ops"');

  const paused = await schedules.pause("nightly", "holidays");
  expect(paused).toMatchObject({ isPaused: true, note: "holidays", nextFires: [] });
  expect((await schedules.resume("nightly")).nextFires).toHaveLength(10);
  const from = new Date(Date.UTC(2026, 0, 1));
  const to = new Date(Date.UTC(2026, 0, 3));
  expect(await schedules.backfill("nightly", { from, to })).toBe(4);
  expect((await all(schedules.list())).map(({ scheduleId }) => scheduleId)).toEqual(["nightly"]);
  await schedules.delete("nightly");
  await expect(schedules.get("nightly")).rejects.toBeInstanceOf(ScheduleNotFoundError);
});

test("a change of a schedule keeps what it leaves out, and is decided again if somebody else was faster", async () => {
  const { schedules } = server.client;
  const action = {
    workflow: shout,
    input: "a",
    retry: { maximumAttempts: 3 },
    searchAttributes: { team: "ops" },
  };
  await schedules.create("moved", { spec: { every: "1h", jitter: "1m" }, action, note: "first" });
  let calls = 0;
  const changed = await schedules.update("moved", async (schedule) => {
    calls += 1;
    if (calls === 1) await schedules.update("moved", () => ({ note: "in between" }));
    return { spec: { ...schedule.spec, jitter: "2m" }, note: `${schedule.note}, then mine` };
  });
  expect(calls).toBe(2);
  expect(changed).toMatchObject({ note: "in between, then mine", input: "a", workflowType: "Shout" });
  expect(changed.spec).toEqual({ every: [{ interval: 3_600_000 }], jitter: 120_000 });
  await expect(
    schedules.update("moved", () => {
      throw new Error("never mind");
    }),
  ).rejects.toThrow("never mind");
});

test("fires are told without storing a schedule, and bad specs say what is wrong", async () => {
  const { schedules } = server.client;
  const from = new Date("2026-03-28T12:00:00Z");
  const fires = await schedules.preview(
    { cron: ["30 2 * * *"], timeZone: "Europe/Berlin" },
    { from, count: 2 },
  );
  expect(fires).toHaveLength(2);
  const times = await schedules.preview(
    { every: ["1h", { interval: "1 day", offset: "90m" }] },
    { from, count: 3 },
  );
  expect(times.map((time) => time.toISOString())).toEqual([
    "2026-03-28T12:00:00.000Z",
    "2026-03-28T13:00:00.000Z",
    "2026-03-28T14:00:00.000Z",
  ]);
  await expect(schedules.preview({ cron: "not a cron" })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  await expect(schedules.preview({ every: "soon" as "1h" })).rejects.toThrow("a duration is a number");
  const overlap = "replace" as "skip";
  await expect(schedules.trigger("any", { overlap })).rejects.toThrow(
    'there is no overlap policy "replace"; there are skip, queue, cancel-old, allow-all',
  );
});
