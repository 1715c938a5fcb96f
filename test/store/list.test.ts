import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SearchAttributeValueSchema } from "../../gen/pawl/v1/search_attribute_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { countWorkflows, listWorkflows, type RunFilter, type RunPosition } from "../../src/store/list.js";
import { between, equalTo } from "../../src/store/search-values.js";
import { makeRun, startUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

const { RUNNING, COMPLETED, FAILED } = WorkflowStatus;

let store: TestStore;
let namespaceId: string;

const integer = (value: number) =>
  create(SearchAttributeValueSchema, { value: { case: "integer", value: BigInt(value) } });
const equal = (name: string, value: number) => ({ name, isEqual: true, ...equalTo(integer(value)) });
const within = (name: string, from: number, to: number) => ({
  name,
  isEqual: false,
  ...between(integer(from), integer(to)),
});

/** Nine runs that started at 0 to 8; three of them at once, at 4. */
beforeAll(async () => {
  store = await openTestStore();
  namespaceId = await store.makeNamespace();
  const runs = [0, 1, 2, 3, 4, 4, 4, 7, 8].map((startedAt, index) =>
    makeRun({
      namespaceId,
      workflowId: `${index < 4 ? "order" : "refund"}-${index}`,
      workflowType: index % 2 === 0 ? "even" : "odd",
      startedAt,
      attributes: { searchAttributes: { level: integer(index), parity: integer(index % 2) }, memo: {} },
      ...(index % 3 === 0
        ? { status: RUNNING }
        : { status: index % 3 === 1 ? COMPLETED : FAILED, closedAt: 99 }),
    }),
  );
  const elsewhere = makeRun({ namespaceId: await store.makeNamespace(), startedAt: 5 });
  await store.write(...runs.map((run) => startUnit(run)), startUnit(elsewhere));
});

afterAll(() => store.close());

function filter(fields: Partial<RunFilter>): RunFilter {
  return {
    namespaceId,
    statuses: [],
    workflowType: "",
    workflowIdPrefix: "",
    startedFrom: undefined,
    startedTo: undefined,
    attributes: [],
    ...fields,
  };
}

async function list(fields: Partial<RunFilter>, after?: RunPosition, limit = 100) {
  const ask = { filter: filter(fields), after, limit, maxBytes: 1_000_000 };
  return (await listWorkflows(store.database.read, ask)).rows;
}

/** The numbers of runs, from their ids. Those of the same start are put in order. */
const numbers = (rows: { workflowId: string }[]) => rows.map((row) => Number(row.workflowId.split("-")[1]));

test("lists the runs of a namespace, newest first", async () => {
  const found = numbers(await list({}));
  expect(found.slice(0, 2)).toEqual([8, 7]);
  expect(found.slice(2, 5).sort()).toEqual([4, 5, 6]);
  expect(found.slice(5)).toEqual([3, 2, 1, 0]);
});

test("lists by status, type, start of the id and time of the start, all at once", async () => {
  expect(numbers(await list({ statuses: [RUNNING] }))).toEqual([6, 3, 0]);
  expect(numbers(await list({ statuses: [COMPLETED, FAILED], workflowType: "even" }))).toEqual([8, 4, 2]);
  expect(numbers(await list({ workflowIdPrefix: "order-" }))).toEqual([3, 2, 1, 0]);
  expect(numbers(await list({ workflowIdPrefix: "order-", workflowType: "odd" }))).toEqual([3, 1]);
  expect(numbers(await list({ startedFrom: 1, startedTo: 4 }))).toEqual([3, 2, 1]);
  expect(numbers(await list({ workflowIdPrefix: "refund-8", statuses: [RUNNING] }))).toEqual([]);
  expect(await list({ workflowIdPrefix: "none" })).toEqual([]);
});

test("lists by attributes together with all else", async () => {
  const levels = [within("level", 1, 8)];
  const found = numbers(await list({ attributes: levels }));
  expect(found[0]).toBe(7);
  expect(found.slice(1, 4).sort()).toEqual([4, 5, 6]);
  expect(found.slice(4)).toEqual([3, 2, 1]);
  expect(numbers(await list({ attributes: levels, workflowType: "even", startedTo: 4 }))).toEqual([2]);
  expect(numbers(await list({ attributes: levels, startedFrom: 2, startedTo: 4 }))).toEqual([3, 2]);
  expect(numbers(await list({ attributes: levels, statuses: [RUNNING] }))).toEqual([6, 3]);
  expect(numbers(await list({ attributes: [...levels, equal("parity", 1)], startedTo: 4 }))).toEqual([3, 1]);
  expect(numbers(await list({ attributes: [...levels, within("parity", 0, 1)], startedTo: 4 }))).toEqual([2]);
  expect(numbers(await list({ attributes: levels, workflowIdPrefix: "order-" }, undefined, 2))).toEqual([
    3, 2,
  ]);
  expect(await list({ attributes: [within("level", 9, 99)] })).toEqual([]);
});

test.each([
  {},
  { workflowType: "even" },
  { workflowIdPrefix: "refund" },
  { startedFrom: 1, startedTo: 8 },
  { attributes: [equal("parity", 0)], startedTo: 8 },
  { attributes: [within("level", 1, 8)] },
  { attributes: [within("level", 1, 8)], startedFrom: 2, startedTo: 5 },
])("goes through all runs page by page, also where many started at the same time: %o", async (fields) => {
  const all = await list(fields);
  const found: typeof all = [];
  for (;;) {
    const page = await list(fields, found.at(-1), 2);
    found.push(...page);
    if (page.length < 2) break;
  }
  expect(found).toEqual(all);
});

test("finds the runs of a range behind many that other conditions leave out, and where many more than a page started at the same time", async () => {
  const many = await store.makeNamespace();
  const runs = Array.from({ length: 280 }, (_, n) =>
    makeRun({
      namespaceId: many,
      workflowId: `many-${n}`,
      workflowType: n % 40 === 0 ? "rare" : "usual",
      startedAt: 10 + Math.floor(n / 70),
      attributes: { searchAttributes: { level: integer(n % 10) }, memo: {} },
    }),
  );
  await store.write(...runs.map((run) => startUnit(run)));
  const newestFirst = runs.toSorted((a, b) => b.startedAt - a.startedAt || (a.runId < b.runId ? 1 : -1));
  const attributes = [within("level", 0, 9)];
  const filters: Partial<RunFilter>[] = [
    {},
    { workflowType: "rare" },
    { workflowType: "rare", startedFrom: 11, startedTo: 13 },
    { workflowType: "none" },
  ];
  for (const fields of filters) {
    const { workflowType = "", startedFrom = 0, startedTo = 99 } = fields;
    const expected = newestFirst.filter(
      ({ workflowId, workflowType: type, startedAt }) =>
        Number(workflowId.split("-")[1]) % 10 < 9 &&
        (workflowType === "" || type === workflowType) &&
        startedAt >= startedFrom &&
        startedAt < startedTo,
    );
    const found: Awaited<ReturnType<typeof list>> = [];
    for (let pages = 1; pages * 3 === found.length + 3; pages++)
      found.push(...(await list({ namespaceId: many, attributes, ...fields }, found.at(-1), 3)));
    expect(found.map(({ runId }) => runId)).toEqual(expected.map(({ runId }) => runId));
  }
});

test("counts runs by status", async () => {
  const count = (fields: Partial<RunFilter>) => countWorkflows(store.database.read, filter(fields));
  expect(await count({})).toEqual([
    { status: RUNNING, count: 3 },
    { status: COMPLETED, count: 3 },
    { status: FAILED, count: 3 },
  ]);
  expect(await count({ workflowType: "odd", statuses: [FAILED] })).toEqual([{ status: FAILED, count: 1 }]);
  expect(await count({ workflowIdPrefix: "order-", startedFrom: 1 })).toEqual([
    { status: RUNNING, count: 1 },
    { status: COMPLETED, count: 1 },
    { status: FAILED, count: 1 },
  ]);
  expect(await count({ workflowIdPrefix: "none" })).toEqual([]);
});

test("shows of a run what its record needs", async () => {
  const [newest] = await list({}, undefined, 1);
  expect(newest).toMatchObject({
    workflowId: "refund-8",
    namespaceId,
    workflowType: "even",
    taskQueue: "orders",
    status: FAILED,
    startedAt: 8,
    closedAt: 99,
    nextEventId: 2,
    historyBytes: 100,
    cancelRequestedEventId: undefined,
    settings: { namespace: "main", priority: 3 },
  });
});
