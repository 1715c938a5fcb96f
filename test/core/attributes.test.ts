import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SearchAttributeValueSchema } from "../../gen/pawl/v1/search_attribute_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { type CommandInit, newScenario, reasonOf, startTime } from "./scenario.js";
import { newWorld } from "./world.js";

const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
const integer = (value: bigint) => ({ value: { case: "integer" as const, value } });
const json = (value: string) => ({ body: { case: "json" as const, value } });
const upsert = (seq: number, searchAttributes: object): CommandInit =>
  ({ seq, kind: { case: "upsertSearchAttributes", value: { searchAttributes } } }) as CommandInit;
const upsertMemo = (seq: number, memo: object): CommandInit =>
  ({ seq, kind: { case: "upsertMemo", value: { memo } } }) as CommandInit;
const snapshot = (seq: number, value: object): CommandInit =>
  ({ seq, kind: { case: "recordSnapshot", value } }) as CommandInit;

describe("search attributes and memo", () => {
  it("begin with the start, and stand in its event", () => {
    const run = newScenario({ searchAttributes: { city: keyword("Bonn") }, memo: { note: json("1") } });
    expect(run.last("workflowStarted")).toMatchObject({
      searchAttributes: { city: keyword("Bonn") },
      memo: { note: json("1") },
    });
    expect(run.state.attributes).toMatchObject({
      searchAttributes: { city: keyword("Bonn") },
      memo: { note: json("1") },
    });
  });

  it("change by merging: what is named changes, what has no value goes, the rest stays", () => {
    const run = newScenario({ searchAttributes: { city: keyword("Bonn"), level: integer(1n) } });
    run.runTask(
      upsert(1, { level: integer(2n), city: {}, tier: keyword("gold") }),
      upsertMemo(2, { note: json("1") }),
    );
    expect(Object.keys(run.state.attributes?.searchAttributes ?? {})).toEqual(["level", "tier"]);
    expect(run.state.attributes?.memo).toMatchObject({ note: json("1") });
    expect(run.last("searchAttributesUpserted")).toMatchObject({ seq: 1 });
    expect(run.last("searchAttributesUpserted").searchAttributes).toMatchObject({ city: {} });
    expect(run.last("memoUpserted")).toMatchObject({ seq: 2, memo: { note: json("1") } });
  });

  it("are gone when the last of them is", () => {
    const run = newScenario({ searchAttributes: { city: keyword("Bonn") } });
    run.signal();
    run.runTask(upsert(1, { city: {} }));
    expect(run.state.attributes).toBeUndefined();
  });

  it("are carried over to the next run, with what its command changes", () => {
    const world = newWorld();
    world.start("wf", {
      searchAttributes: { city: keyword("Bonn"), level: integer(1n) },
      memo: { note: json("1") },
    });
    world.runTask("wf", {
      kind: {
        case: "continueAsNew",
        value: { searchAttributes: { level: integer(2n) }, memo: { note: {}, other: json("2") } },
      },
    } as CommandInit);
    expect(world.run("wf").status).toBe(WorkflowStatus.PENDING);
    expect(world.run("wf").attributes).toMatchObject({
      searchAttributes: { city: keyword("Bonn"), level: integer(2n) },
      memo: { other: json("2") },
    });
    expect(world.run("wf").attributes?.memo).not.toHaveProperty("note");
  });

  it.each<[string, object, string | undefined]>([
    ["a whole number", integer(-5n), undefined],
    ["a number", { value: { case: "number", value: 1.5 } }, undefined],
    ["a truth", { value: { case: "boolean", value: true } }, undefined],
    ["a time", { value: { case: "time", value: { seconds: BigInt(startTime / 1e6) } } }, undefined],
    ["an infinite number", { value: { case: "number", value: Number.POSITIVE_INFINITY } }, "INVALID_COMMAND"],
    ["a time far ahead", { value: { case: "time", value: { seconds: 1n << 60n } } }, "INVALID_COMMAND"],
    ["a time long ago", { value: { case: "time", value: { seconds: -(1n << 60n) } } }, "INVALID_COMMAND"],
    [
      "a time of negative parts",
      { value: { case: "time", value: { seconds: 1n, nanos: -1 } } },
      "INVALID_COMMAND",
    ],
    [
      "a time of too many parts",
      { value: { case: "time", value: { seconds: 1n, nanos: 1e9 } } },
      "INVALID_COMMAND",
    ],
    ["a keyword of U+0000", keyword("\0"), "INVALID_COMMAND"],
  ])("may be %s or not", (_what, value, reason) => {
    const run = newScenario();
    run.takeTask();
    expect(reasonOf(() => run.complete([upsert(1, { a: value })]))).toBe(reason);
  });

  it.each<[string, CommandInit, string]>([
    ["a name that is empty", upsert(1, { "": keyword("x") }), "INVALID_COMMAND"],
    ["a memo name of U+0000", upsertMemo(1, { "\0": json("1") }), "INVALID_COMMAND"],
    ["a memo that is not JSON", upsertMemo(1, { a: json("{") }), "INVALID_PAYLOAD"],
    [
      "more than 100 attributes",
      upsert(1, Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a${n}`, integer(1n)]))),
      "SIZE_LIMIT",
    ],
    [
      "a memo that is too large",
      upsertMemo(1, { a: json(JSON.stringify("x".repeat(256 * 1024))) }),
      "SIZE_LIMIT",
    ],
    ["a seq that was used", upsert(0, { a: keyword("x") }), "INVALID_COMMAND"],
  ])("refuse %s", (_what, command, reason) => {
    const run = newScenario();
    run.takeTask();
    expect(reasonOf(() => run.complete([command]))).toBe(reason);
  });

  it("of a start need values", () => {
    const searchAttributes = { a: create(SearchAttributeValueSchema) };
    expect(reasonOf(() => newScenario({ searchAttributes }))).toBe("INVALID_FIELD");
  });
});

describe("a snapshot", () => {
  it("leaves its size in history and its state beside it; the newest stays", () => {
    const run = newScenario();
    run.runTask(snapshot(1, { asOfEventId: 3, state: json('{"a":1}') }), snapshot(2, { state: json("[]") }));
    expect(run.last("snapshotRecorded")).toMatchObject({ seq: 2, asOfEventId: 0, stateBytes: 4 });
    expect(run.state.snapshot).toMatchObject({ asOfEventId: 0, state: json("[]") });
  });

  it.each<[string, object, string]>([
    ["no state", {}, "INVALID_COMMAND"],
    ["a state that is not JSON", { state: json("{") }, "INVALID_PAYLOAD"],
    ["an event to come", { state: json("1"), asOfEventId: 99 }, "INVALID_COMMAND"],
    ["an event below the first", { state: json("1"), asOfEventId: -1 }, "INVALID_COMMAND"],
  ])("is refused with %s", (_what, value, reason) => {
    const run = newScenario();
    run.takeTask();
    expect(reasonOf(() => run.complete([snapshot(1, value)]))).toBe(reason);
  });
});
