import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SearchAttributeFilterSchema } from "../../gen/pawl/v1/search_attribute_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, completeWorkflow } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});
beforeEach(async () => {
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
});
afterAll(() => cluster.close());

type Condition = MessageInitShape<typeof SearchAttributeFilterSchema>;

const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
const integer = (value: number) => ({ value: { case: "integer" as const, value: BigInt(value) } });
const number = (value: number) => ({ value: { case: "number" as const, value } });
const boolean = (value: boolean) => ({ value: { case: "boolean" as const, value } });
const time = (seconds: number) => ({
  value: { case: "time" as const, value: { seconds: BigInt(seconds), nanos: 5_000 } },
});
const equal = (name: string, value: object): Condition =>
  ({ name, condition: { case: "equals", value } }) as Condition;
const within = (name: string, value: object): Condition =>
  ({ name, condition: { case: "range", value } }) as Condition;

async function list(searchAttributes: Condition[], rest: object = {}) {
  const request = create(wf.ListWorkflowsRequestSchema, {
    namespace,
    pageSize: 100,
    filter: { searchAttributes },
    ...rest,
  });
  return create(wf.ListWorkflowsResponseSchema, await server.operations.listWorkflows(request, callOf()));
}

async function idsOf(...conditions: Condition[]): Promise<string[]> {
  return (await list(conditions)).workflows.map(({ workflowId }) => workflowId).sort();
}

async function count(...searchAttributes: Condition[]): Promise<number> {
  const request = create(wf.CountWorkflowsRequestSchema, { namespace, filter: { searchAttributes } });
  return Number((await server.operations.countWorkflows(request, callOf())).count);
}

describe("search attributes", () => {
  test("find runs by equality of typed values, shown with the run", async () => {
    await it.start("a", { spec: { searchAttributes: { city: keyword("Bonn"), level: integer(1) } } });
    await it.start("b", { spec: { searchAttributes: { city: keyword("Bonn"), level: integer(2) } } });
    await it.start("c", { spec: { searchAttributes: { city: keyword("Köln"), level: number(2) } } });
    await it.start("d", { spec: { searchAttributes: { city: boolean(true) } } });
    expect(await idsOf(equal("city", keyword("Bonn")))).toEqual(["a", "b"]);
    expect(await idsOf(equal("city", keyword("Bonn")), equal("level", integer(2)))).toEqual(["b"]);
    expect(await idsOf(equal("level", number(2)))).toEqual(["c"]);
    expect(await idsOf(equal("city", boolean(true)))).toEqual(["d"]);
    expect(await idsOf(equal("city", keyword("Bon")))).toEqual([]);
    expect(await count(equal("city", keyword("Bonn")))).toBe(2);
    expect(await count(equal("city", keyword("Bonn")), within("level", { from: integer(2) }))).toBe(1);
    const { workflows } = await list([equal("level", integer(1))]);
    expect(workflows[0]?.searchAttributes).toMatchObject({ city: keyword("Bonn"), level: integer(1) });
    expect((await it.get("a")).workflow?.searchAttributes).toMatchObject({ city: keyword("Bonn") });
  });

  test("find runs by ranges of numbers and times, from included, to excluded", async () => {
    const values = [-1e300, -2.5, -1, 0, 0.5, 3, 1e300];
    for (const [index, value] of values.entries())
      await it.start(`n${index}`, {
        spec: { searchAttributes: { n: number(value), i: integer(index - 2), t: time(index) } },
      });
    expect(await idsOf(within("n", { from: number(-2.5), to: number(0.5) }))).toEqual(["n1", "n2", "n3"]);
    expect(await idsOf(within("n", { to: number(-1) }))).toEqual(["n0", "n1"]);
    expect(await idsOf(within("n", { from: number(3) }))).toEqual(["n5", "n6"]);
    expect(await idsOf(within("i", { from: integer(-1), to: integer(1) }))).toEqual(["n1", "n2"]);
    expect(await idsOf(within("t", { from: time(1), to: time(3) }))).toEqual(["n1", "n2"]);
    expect(await count(within("n", { from: number(0) }))).toBe(4);
  });

  test("follow what commands change, and are found no more by what they were", async () => {
    await it.start("a", { spec: { searchAttributes: { city: keyword("Bonn"), tier: keyword("gold") } } });
    const [task] = await it.poll();
    const upsert = {
      seq: 1,
      kind: {
        case: "upsertSearchAttributes",
        value: { searchAttributes: { city: keyword("Köln"), tier: {} } },
      },
    } as CommandInit;
    await it.complete(task, [upsert]);
    expect(await idsOf(equal("city", keyword("Bonn")))).toEqual([]);
    expect(await idsOf(equal("tier", keyword("gold")))).toEqual([]);
    expect(await idsOf(equal("city", keyword("Köln")))).toEqual(["a"]);
  });

  test("are carried over to the next run, and filters combine with status, type, prefix and pages", async () => {
    for (const id of ["x1", "x2", "y1"])
      await it.start(id, { spec: { searchAttributes: { city: keyword("Bonn") } } });
    const [task] = await it.poll();
    await it.complete(task, [{ kind: { case: "continueAsNew", value: {} } } as CommandInit]);
    const [other] = await it.poll();
    await it.complete(other, [completeWorkflow]);
    const city = [equal("city", keyword("Bonn"))];
    expect(await count(...city)).toBe(4);
    const completed = { filter: { searchAttributes: city, statuses: [WorkflowStatus.COMPLETED] } };
    expect((await list(city, completed)).workflows).toHaveLength(1);
    const prefixed = { filter: { searchAttributes: city, workflowIdPrefix: "y" } };
    expect((await list(city, prefixed)).workflows.map(({ workflowId }) => workflowId)).toEqual(["y1"]);
    expect(
      (await list(city, { filter: { searchAttributes: city, workflowType: "other" } })).workflows,
    ).toEqual([]);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await list(city, { pageSize: 1, pageToken });
      seen.push(...page.workflows.map(({ runId }) => runId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(seen).size).toBe(4);
    const { nextPageToken } = await list(city, { pageSize: 1 });
    const foreign = list([equal("city", keyword("Köln"))], { pageToken: nextPageToken });
    expect(await reasonOf(foreign)).toBe("INVALID_PAGE_TOKEN");
  });

  test("of other namespaces are invisible", async () => {
    await it.start("a", { spec: { searchAttributes: { city: keyword("Bonn") } } });
    const elsewhere = await makeNamespace(server);
    expect((await list([equal("city", keyword("Bonn"))], { namespace: elsewhere })).workflows).toEqual([]);
  });
});
