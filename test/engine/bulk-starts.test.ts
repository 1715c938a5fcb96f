import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { OpenIdPolicy, type WorkflowSpecSchema } from "../../gen/pawl/v1/workflow_pb.js";
import {
  StartWorkflowsRequestSchema,
  StartWorkflowsResponseSchema,
} from "../../gen/pawl/v1/workflow_service_pb.js";
import { actor, completeWorkflow } from "../support/actor.js";
import { openCuttableLink } from "../support/cuttable-link.js";
import {
  callOf,
  errorOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { until } from "../support/until.js";

type SpecInit = MessageInitShape<typeof WorkflowSpecSchema>;

let cluster: TestCluster;
let a: TestServer;
let b: TestServer;
let namespace: string;

beforeAll(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  b = await cluster.open();
});

beforeEach(async () => {
  namespace = await makeNamespace(a);
});

afterAll(() => cluster.close());

/** Two that are named and one that is not. */
const specs: SpecInit[] = ["first", "second", ""].map((workflowId) => ({
  ...{ workflowId, workflowType: "order", taskQueue: "default" },
}));

async function startAll(server: TestServer, its: SpecInit[] = specs, requestId = "bulk") {
  const request = create(StartWorkflowsRequestSchema, { namespace, requestId, specs: its });
  const { outcomes } = create(
    StartWorkflowsResponseSchema,
    await server.operations.startWorkflows(request, callOf()),
  );
  return outcomes.map((outcome) =>
    outcome.outcome.case === "started" ? outcome.outcome.value : errorOf(outcome),
  );
}

const countRuns = async () =>
  (
    await cluster.run("select 1 from runs join namespaces n using (namespace_id) where n.name = $1", [
      namespace,
    ])
  ).length;

test("many starts repeated under their request id start nothing more, at any server, at once or later", async () => {
  const answers = await Promise.all([startAll(a), startAll(b), startAll(a)]);
  expect(answers[0]).toMatchObject([{ isStarted: true }, { isStarted: true }, { isStarted: true }]);
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  const it = actor(b, namespace);
  for (const task of await it.poll({ maxTasks: 3 })) await it.complete(task, [completeWorkflow]);
  expect(await startAll(a)).toEqual(answers[0]);
  expect(await countRuns()).toBe(3);
});

test("many starts whose answer was lost start nothing more when they are repeated", async () => {
  const link = await openCuttableLink(cluster.url);
  const cut = await cluster.open({ url: link.url });
  const lost = startAll(cut).catch(() => undefined);
  await until("they are stored", async () => (await countRuns()) > 0);
  link.cut();
  const repeated = await startAll(b);
  expect(repeated).toMatchObject([{ isStarted: true }, { isStarted: true }, { isStarted: true }]);
  const answer = await lost;
  if (answer !== undefined) expect(answer).toEqual(repeated);
  expect(await countRuns()).toBe(3);
  await cut.stop();
  await link.close();
});

test("a repeat that says something else is refused where it does, and one with more starts what is new", async () => {
  const [first] = await startAll(a);
  const changed = specs.map((spec, index) => (index === 1 ? { ...spec, workflowType: "another" } : spec));
  const answers = await startAll(b, [...changed, { workflowId: "fourth", workflowType: "order" }]);
  expect(answers).toMatchObject([first, "REQUEST_ID_REUSED", { isStarted: true }, { isStarted: true }]);
  expect(await countRuns()).toBe(4);
});

test("many starts of which some are of one id have an outcome each", async () => {
  const spec: SpecInit = { workflowId: "same", workflowType: "order" };
  const answers = await startAll(a, [spec, spec, { ...spec, openIdPolicy: OpenIdPolicy.USE_EXISTING }]);
  expect(answers).toMatchObject([{ isStarted: true }, "WORKFLOW_EXISTS", { isStarted: false }]);
});
