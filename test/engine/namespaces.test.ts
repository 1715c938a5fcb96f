import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CreateNamespaceRequestSchema } from "../../gen/pawl/v1/namespace_service_pb.js";
import { ms } from "../support/actor.js";
import { callOf, openTestCluster, reasonOf, type TestCluster, type TestServer } from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});
afterAll(() => cluster.close());

const make = (request: MessageInitShape<typeof CreateNamespaceRequestSchema>) =>
  server.operations.createNamespace(create(CreateNamespaceRequestSchema, request), callOf());

test("makes one namespace of a request, however often and at once it comes", async () => {
  const request = { name: "once", description: "for tests", requestId: "r-once" };
  const made = await Promise.all([make(request), make(request), make(request)]);
  expect(new Set(made.map(({ namespace }) => namespace?.namespaceId)).size).toBe(1);
  expect(await make(request)).toEqual(made[0]);
});

test("refuses a request id that was used for a namespace with another name, description or retention", async () => {
  const request = { name: "first", requestId: "r-other" };
  await make(request);
  for (const change of [{ name: "second" }, { description: "other" }, { retention: ms(60_000) }])
    expect(await reasonOf(make({ ...request, ...change }))).toBe("REQUEST_ID_REUSED");
  expect(await reasonOf(make({ ...request, requestId: "r-third" }))).toBe("NAMESPACE_EXISTS");
});

test("forgets a request id after 24 hours", async () => {
  const request = { name: "old", requestId: "r-old" };
  await make(request);
  await cluster.run("update pawl.namespaces set created_at = created_at - 86400000000 where name = 'old'");
  expect(await reasonOf(make(request))).toBe("NAMESPACE_EXISTS");
  await make({ ...request, name: "new" });
});
