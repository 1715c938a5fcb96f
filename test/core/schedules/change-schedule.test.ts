import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { OverlapPolicy, ScheduleDefinitionSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { hearRunEnds } from "../../../src/core/schedules/advance.js";
import {
  backfillSchedule,
  createSchedule,
  setSchedulePaused,
  updateSchedule,
} from "../../../src/core/schedules/change-schedule.js";
import { refusalOf } from "../scenario.js";
import { type DefinitionInit, definitionOf, everyMinute, micros, newSchedule } from "./schedule-world.js";

const large = { body: { case: "json" as const, value: JSON.stringify("x".repeat(3_000_000)) } };
const half = { body: { case: "json" as const, value: JSON.stringify("x".repeat(1_900_000)) } };

function refused(rest: DefinitionInit, scheduleId = "s") {
  const { at } = newSchedule();
  const name = { namespaceId: "ns", namespace: "main", scheduleId };
  const { workflow, spec } = everyMinute;
  const definition = create(ScheduleDefinitionSchema, { workflow, spec, ...rest } as DefinitionInit);
  return refusalOf(() => createSchedule(name, definition, at("12:00:00")));
}

describe("what a schedule is made of", () => {
  it.each([
    ["schedule_id", {}, ""],
    ["definition.spec", { spec: undefined }],
    ["definition.workflow", { workflow: undefined }],
    ["definition.spec.cron[0]", { spec: { cron: ["* * *"] } }],
    ["definition.spec.jitter", { spec: { cron: ["@daily"], jitter: { seconds: -1n } } }],
    ["definition.catch_up_window", { catchUpWindow: { seconds: -1n } }],
    ["definition.workflow.workflow_type", { workflow: { workflowId: "w" } }],
    ["definition.workflow.workflow_id", { workflow: { workflowType: "order", workflowId: "x".repeat(240) } }],
    ["definition.workflow.input", { workflow: { workflowType: "order", input: large } }],
  ] as [string, DefinitionInit, string?][])("is checked when it is made: %s", (field, rest, scheduleId) => {
    expect(refused(rest, scheduleId)?.metadata.field).toBe(field);
  });

  it("is no larger than an event may be, with its note", () => {
    const note = "x".repeat(3 * 1024 * 1024);
    expect(refused({ note })).toMatchObject({ metadata: { field: "definition" } });
    const { state, at } = newSchedule();
    const pause = () => setSchedulePaused(state, { isPaused: true, note }, at("12:00:40"));
    expect(refusalOf(pause)).toMatchObject({ metadata: { field: "note" } });
  });

  it("must be so that its runs can start", () => {
    const header = { fields: { other: half } };
    const workflow = { workflowType: "order", input: half, header };
    expect(refused({ workflow } as DefinitionInit)?.metadata.field).toBe("event workflowStarted");
  });
});

describe("changing a schedule", () => {
  it("replaces its definition at the revision that was read, and computes the next fire anew", () => {
    const { state, at } = newSchedule();
    expect(state.revision).toBe(1);
    const hourly = definitionOf({ spec: { cron: ["@hourly"] } });
    const updated = updateSchedule(state, { definition: hourly, revision: 1n }, at("12:30:00"));
    expect(updated).toMatchObject({
      revision: 2,
      nextFireAt: micros("13:00:00"),
      updatedAt: micros("12:30:00"),
    });
    const late = refusalOf(() =>
      updateSchedule(updated, { definition: hourly, revision: 1n }, at("12:30:00")),
    );
    expect(late?.metadata).toEqual({ revision: "2" });
  });

  it("pauses it, and resumes it from now", () => {
    const { state, at } = newSchedule();
    const paused = setSchedulePaused(state, { isPaused: true, note: "broken" }, at("12:00:40"));
    expect(paused).toMatchObject({ revision: 2, nextFireAt: undefined, definition: { note: "broken" } });
    expect(setSchedulePaused(paused, { isPaused: true, note: "" }, at("12:00:41"))).toBe(paused);
    expect(setSchedulePaused(paused, { isPaused: true, note: "broken" }, at("12:00:41"))).toBe(paused);
    const resumed = setSchedulePaused(paused, { isPaused: false, note: "" }, at("13:00:30"));
    expect(resumed).toMatchObject({
      revision: 3,
      nextFireAt: micros("13:01:00"),
      definition: { note: "broken" },
    });
    const noted = setSchedulePaused(resumed, { isPaused: false, note: "well" }, at("13:05:00"));
    expect(noted).toMatchObject({
      revision: 4,
      nextFireAt: micros("13:01:00"),
      definition: { note: "well" },
    });
    const definition = definitionOf({ isPaused: true });
    expect(updateSchedule(noted, { definition, revision: 4n }, at("13:05:00")).nextFireAt).toBeUndefined();
  });

  it("loses no fire that is due where its times stay as they are", () => {
    const world = newSchedule();
    const { spec } = definitionOf();
    const change = (definition: ReturnType<typeof definitionOf>, revision: bigint) =>
      updateSchedule(world.state, { definition, revision }, world.at("12:02:10"));
    world.state = change(definitionOf({ note: "new", spec }), 1n);
    world.advanceAll("12:02:10");
    expect([world.ids(), world.counts()]).toEqual([["12:02:00Z"], [0, 1]]);
    expect(change(definitionOf({ isPaused: true }), 2n).nextFireAt).toBeUndefined();
    const hourly = change(definitionOf({ spec: { cron: ["@hourly"] } }), 2n);
    expect(hourly.nextFireAt).toBe(micros("13:00:00"));
  });

  it("never goes back to times that were dealt with", () => {
    const world = newSchedule();
    world.advanceAll("12:05:00");
    const paused = setSchedulePaused(world.state, { isPaused: true, note: "" }, world.at("11:00:00"));
    const resumed = setSchedulePaused(paused, { isPaused: false, note: "" }, world.at("11:00:00"));
    expect(resumed.nextFireAt).toBe(micros("12:06:00"));
  });
});

describe("a schedule whose zone has gone", () => {
  const gone = definitionOf({ spec: { cron: ["* * * * *"], timeZone: "Atlantis/Harbour" } });

  it("is refused what needs its times, but can be paused", () => {
    const { state, at } = newSchedule();
    const broken = { ...state, definition: gone };
    const paused = setSchedulePaused(broken, { isPaused: true, note: "" }, at("12:00:40"));
    expect(paused).toMatchObject({ nextFireAt: undefined, definition: { isPaused: true } });
    const resume = () => setSchedulePaused(paused, { isPaused: false, note: "" }, at("12:00:40"));
    expect(refusalOf(resume)?.metadata.field).toBe("definition.spec.time_zone");
  });

  it("hears how its runs end, and fires nothing meanwhile, though it is due", () => {
    const world = newSchedule();
    world.advance("12:01:00");
    const workflowId = world.started[0]?.workflowId ?? "";
    world.state = { ...world.state, definition: gone };
    expect(refusalOf(() => world.advance("12:02:00"))?.metadata.field).toBe("definition.spec.time_zone");
    const messages = [world.end(workflowId)];
    const heard = hearRunEnds(world.state, messages, world.at("12:02:00"));
    expect(heard).toMatchObject({ started: undefined, delivered: messages });
    expect(heard.after).toMatchObject({
      nextFireAt: micros("12:02:00"),
      progress: { openRuns: [], lastRuns: [{ workflowId }] },
    });
  });
});

describe("a backfill", () => {
  const range = (from: string, to: string, policy = OverlapPolicy.UNSPECIFIED) => ({
    from: micros(from),
    to: micros(to),
    policy,
  });

  it("fires for each time of its range, one after the other, beside each other", () => {
    const world = newSchedule({ isPaused: true });
    const { after, fires } = backfillSchedule(
      world.state,
      range("10:00:00", "10:03:00"),
      world.at("12:00:40"),
    );
    expect(fires).toBe(3);
    world.state = after;
    expect(world.advanceAll("12:00:40")).toBe(3);
    expect(world.ids()).toEqual(["10:00:00Z", "10:01:00Z", "10:02:00Z"]);
    expect(world.state.nextFireAt).toBeUndefined();
    expect(world.state.progress.backfills).toEqual([]);
  });

  it("lets what is due go first, and obeys its policy", () => {
    const world = newSchedule();
    const skipping = range("10:00:00", "10:03:00", OverlapPolicy.SKIP);
    world.state = backfillSchedule(world.state, skipping, world.at("12:00:40")).after;
    world.advance("12:01:00");
    expect(world.ids()).toEqual(["12:01:00Z"]);
    world.advanceAll("12:01:10");
    expect([world.ids(), world.counts()]).toEqual([["12:01:00Z"], [3, 0]]);
  });

  it("ends with the rules", () => {
    const endTime = { seconds: BigInt(micros("10:02:00") / 1_000_000) };
    const world = newSchedule({ spec: { cron: ["* * * * *"], endTime } });
    const { after, fires } = backfillSchedule(
      world.state,
      range("10:00:00", "11:00:00"),
      world.at("12:00:40"),
    );
    expect(fires).toBe(2);
    world.state = after;
    world.advanceAll("12:00:40");
    expect(world.ids()).toEqual(["10:00:00Z", "10:01:00Z"]);
    expect(backfillSchedule(world.state, range("10:30:00", "11:00:00"), world.at("12:00:40"))).toMatchObject({
      after: world.state,
      fires: 0,
    });
  });

  it("goes on under a later definition, with no more fires than it had", () => {
    const world = newSchedule({ isPaused: true });
    const asked = range("10:00:00", "10:03:00");
    world.state = backfillSchedule(world.state, asked, world.at("12:00:40")).after;
    world.advance("12:00:40");
    const definition = definitionOf({ isPaused: true, spec: { cron: ["* * * * * *"] } });
    const revision = BigInt(world.state.revision);
    world.state = updateSchedule(world.state, { definition, revision }, world.at("12:00:41"));
    world.advanceAll("12:00:42");
    expect(world.ids()).toEqual(["10:00:00Z", "10:01:00Z", "10:01:01Z"]);
    expect(world.state.progress.backfills).toEqual([]);
  });

  it("is of a past range, and bounded", () => {
    const { state, at } = newSchedule();
    const refusal = (from: string, to: string, of = state) =>
      refusalOf(() => backfillSchedule(of, range(from, to), at("12:00:40")))?.metadata;
    expect(refusal("10:00:00", "10:00:00")).toEqual({ field: "to_time" });
    expect(refusal("12:00:00", "12:00:41")).toEqual({ field: "to_time" });
    const { state: secondly } = newSchedule({ spec: { cron: ["* * * * * *"] } });
    expect(refusal("10:00:00", "10:16:40", secondly)).toBeUndefined();
    expect(refusal("10:00:00", "10:16:41", secondly)).toEqual({ limit: "1000" });
    let many = state;
    for (let n = 0; n < 100; n++)
      many = backfillSchedule(many, range("10:00:00", "10:01:00"), at("12:00:40")).after;
    expect(refusal("10:00:00", "10:01:00", many)).toEqual({ limit: "100" });
    expect(refusal("10:00:30", "10:00:40", many)).toBeUndefined();
  });
});
