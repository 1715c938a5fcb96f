import { create, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { GetHistoryResponseSchema } from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  historyToJson,
  readHistory,
  replayHistory,
  TestSetupError,
  WorkflowTaskFailedError,
} from "../../../src/sdk/testing/index.js";
import { defineSignal, workflow } from "../../../src/sdk/workflow/index.js";
import { open, openBroken } from "./environments.js";

let runsOfCode = 0;
/** Code that does something else whenever it is run again. */
const forgetful = workflow("Forgetful", async (ctx, sleeps: number) => {
  runsOfCode++;
  await ctx.activity("work", runsOfCode);
  for (let index = 0; index < sleeps; index++) await ctx.sleep("1 day");
  return "done";
});

const charge = (cents: number) =>
  workflow("Charge", async (ctx, _: null) => {
    await ctx.sleep("1 day");
    const paid = await ctx.activity("charge", { cents });
    await ctx.waitForSignal(defineSignal("shipped"), { timeout: "2 days" });
    return paid;
  });

/** The history of a run that has ended. */
async function recorded(): Promise<HistoryEvent[]> {
  const env = open({ workflows: [charge(5)], activities: { charge: () => "paid" } });
  await env.execute(charge(5), null, { workflowId: "c" });
  const events: HistoryEvent[] = [];
  for await (const event of env.client.history("c")) events.push(event);
  return events;
}

test("code that does not do the same again is found while it runs, with the difference", async () => {
  const env = openBroken({ workflows: [forgetful], activities: { work: () => {} } });
  const error = await env.execute(forgetful, 3).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowTaskFailedError);
  expect(error).toMatchObject({ workflowType: "Forgetful", isNonDeterminism: true });
  expect(String(error)).toContain("does not replay as it ran");
  expect(String(error)).toMatch(/- event 5: ScheduleActivity.*\n\+ code now: ScheduleActivity/);
  expect(env.now().toISOString()).toBe("2026-01-01T00:00:00.000Z");
  await expect(env.close()).rejects.toBe(error);
});

test("at the end, the check is made when a run ends or the environment is closed", async () => {
  const ended = openBroken({ workflows: [forgetful], activities: { work: () => {} }, replay: "at-end" });
  await expect(ended.execute(forgetful, 0)).rejects.toMatchObject({ isNonDeterminism: true });
  await expect(ended.close()).rejects.toThrow();
  const open = openBroken({ workflows: [forgetful], activities: { work: () => {} }, replay: "at-end" });
  await open.start(forgetful, 3);
  await open.sleep("1 day");
  await expect(open.close()).rejects.toMatchObject({ isNonDeterminism: true });
});

test("without the check nothing is gone through twice", async () => {
  runsOfCode = 0;
  const env = open({ workflows: [forgetful], activities: { work: () => {} }, replay: "never" });
  expect(await env.execute(forgetful, 3)).toBe("done");
  expect(runsOfCode).toBe(1);
});

test("the check costs a run of many tasks no more than a few times itself", async () => {
  let rounds = 0;
  const long = workflow("Long", async (ctx, tasks: number) => {
    for (let task = 0; task < tasks; task++) {
      rounds++;
      await ctx.sleep("1 minute");
    }
  });
  const env = open({ workflows: [long] });
  await env.execute(long, 200);
  expect(rounds).toBeGreaterThan(2 * 200);
  expect(rounds).toBeLessThan(10 * 200);
});

test("a history replays, in every form in which it is downloaded", async () => {
  const events = await recorded();
  const json = toJson(GetHistoryResponseSchema, create(GetHistoryResponseSchema, { events }));
  const pages = [{ events: [] }, json];
  const list = (json as { events: [] }).events;
  for (const source of [events, json, pages, list, JSON.stringify(json), historyToJson(events)]) {
    expect(readHistory(source)).toEqual(events);
    await replayHistory(charge(5), source);
  }
  await replayHistory(charge(5), events.slice(0, 6));
});

test("replay of a history throws the first difference", async () => {
  const events = await recorded();
  const error = await replayHistory(charge(6), events).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowTaskFailedError);
  expect(error).toMatchObject({ isNonDeterminism: true, workflowType: "Charge", workflowId: "c" });
  expect(String(error)).toContain('{"cents":5}');
  expect(String(error)).toContain('{"cents":6}');
  const buggy = workflow("Charge", async (_, __: null) => {
    throw new TypeError("no such method");
  });
  await expect(replayHistory(buggy, events)).rejects.toMatchObject({ isNonDeterminism: false });
});

test("what is no history, or that of another workflow, is refused", async () => {
  const events = await recorded();
  const other = workflow("Other", async (_, __: null) => {});
  await expect(replayHistory(other, events)).rejects.toThrow("the history is one of Charge, not of Other");
  await expect(replayHistory(charge(5), events.slice(1))).rejects.toThrow("give all its pages, in order");
  for (const source of ["no json", 7, { event: [] }, [null], '{"events":[{"eventId":"x"}]}'])
    expect(() => readHistory(source as string)).toThrow(TestSetupError);
});
