import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ListNamespacesRequestSchema } from "../../gen/pawl/v1/namespace_service_pb.js";
import {
  ListChildWorkflowsRequestSchema,
  ListWorkflowsRequestSchema,
} from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let server: TestServer;
/** Somebody who looks at pages of one, and the same in another namespace that has the same in it. */
let ours: Reader;
let theirs: Reader;

interface Reader {
  readonly actor: Actor;
  readonly namespace: string;
}

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

beforeEach(async () => {
  [ours, theirs] = [await openReader(), await openReader()];
});

afterAll(async () => {
  expect(server.faults).toEqual([]);
  await cluster.close();
});

/** A namespace with a parent of two children, and two workers. */
async function openReader(): Promise<Reader> {
  const namespace = await makeNamespace(server);
  const it = actor(server, namespace);
  await it.start("parent");
  const [task] = await it.poll();
  const children = [1, 2].map(
    (seq): CommandInit => ({
      seq,
      kind: {
        case: "startChildWorkflow",
        value: { spec: { workflowId: `child-${seq}`, workflowType: "order" } },
      },
    }),
  );
  await it.complete(task, children);
  await until(
    "both children are there",
    async () => (await cluster.run("select 1 from messages")).length === 0,
  );
  for (const workerId of ["a", "b"]) await it.register(workerId);
  return { actor: it, namespace };
}

interface Page {
  readonly nextPageToken?: string | undefined;
}

/** Every RPC that answers in pages, as it is asked for one more. `another` is the same about something else. */
const pagedReads: Record<string, (reader: Reader, pageToken: string, another?: boolean) => Promise<Page>> = {
  GetHistory: ({ actor: it }, pageToken, another) =>
    it.historyPage(another === true ? "child-1" : "parent", { pageSize: 1, pageToken }),
  ListWorkflows: ({ namespace }, pageToken, another) =>
    server.operations.listWorkflows(
      create(ListWorkflowsRequestSchema, {
        ...{ namespace, pageSize: 1, pageToken },
        filter: { workflowIdPrefix: another === true ? "child" : "" },
      }),
      callOf(),
    ),
  ListChildWorkflows: ({ namespace }, pageToken, another) =>
    server.operations.listChildWorkflows(
      create(ListChildWorkflowsRequestSchema, {
        ...{ namespace, pageSize: 1, pageToken },
        workflowId: another === true ? "child-1" : "parent",
      }),
      callOf(),
    ),
  ListWorkers: ({ actor: it }, pageToken, another) =>
    it.workers({ pageSize: 1, pageToken, taskQueue: another === true ? "default" : "" }),
  ListNamespaces: (_, pageToken) =>
    server.operations.listNamespaces(
      create(ListNamespacesRequestSchema, { pageSize: 1, pageToken }),
      callOf(),
    ),
};

/** What a position may be made of by a caller who forges a token: nothing of it is a fault of the server. */
const forgedPositions: readonly unknown[] = [
  null,
  7,
  [],
  {},
  "\0",
  "",
  { runId: "x", after: 1 },
  { runId: "\0", after: 1 },
  { runId: "", after: 2 ** 31 },
  { runId: "", after: 1, through: -1 },
  { runId: "", after: 1, isDescending: "no" },
  { startedAt: 1, runId: "\0" },
  { startedAt: -1e15, runId: crypto.randomUUID() },
  { startedAt: Number.MAX_SAFE_INTEGER, runId: crypto.randomUUID() },
  { startedAt: 1, runId: crypto.randomUUID(), parentRunId: "\0" },
  { startedAt: 1, runId: crypto.randomUUID(), parentRunId: crypto.randomUUID() },
];

describe.each(Object.entries(pagedReads))("a page token of %s", (name, read) => {
  test("goes on where the page before ended", async () => {
    const { nextPageToken = "" } = await read(ours, "");
    expect(nextPageToken).not.toBe("");
    expect(await reasonOf(read(ours, nextPageToken))).toBeUndefined();
  });

  test.each(["nonsense", "!", "W10", "bnVsbA", Buffer.from('["x",1]').toString("base64url")])(
    "is refused if it is %s",
    async (pageToken) => {
      expect(await reasonOf(read(ours, pageToken))).toBe("INVALID_PAGE_TOKEN");
    },
  );

  test("is refused if it comes from another RPC", async () => {
    for (const [other, readOther] of Object.entries(pagedReads)) {
      if (other === name) continue;
      const { nextPageToken = "" } = await readOther(ours, "");
      expect(await reasonOf(read(ours, nextPageToken)), other).toBe("INVALID_PAGE_TOKEN");
    }
  });

  test("that is forged finds nothing that it may not, and is no fault of the server", async () => {
    const { nextPageToken = "" } = await read(ours, "");
    const [query] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
    const allowed = [undefined, "INVALID_PAGE_TOKEN", "WORKFLOW_NOT_FOUND", "RUN_DELETED"];
    for (const position of forgedPositions) {
      const forged = Buffer.from(JSON.stringify([query, position])).toString("base64url");
      expect(allowed, JSON.stringify(position)).toContain(await reasonOf(read(ours, forged)));
    }
  });
});

// Namespaces are listed without any condition, and stand in none.
const conditionalReads = Object.entries(pagedReads).filter(([name]) => name !== "ListNamespaces");

test.each(conditionalReads)(
  "a page token of %s is refused if it comes from another query or namespace",
  async (_, read) => {
    const { nextPageToken = "" } = await read(ours, "");
    expect(await reasonOf(read(ours, nextPageToken, true))).toBe("INVALID_PAGE_TOKEN");
    expect(await reasonOf(read(theirs, nextPageToken))).toBe("INVALID_PAGE_TOKEN");
  },
);
