import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, completeWorkflow, scheduleActivity } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

const count = 1_000;

let cluster: TestCluster;
let server: TestServer;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

afterAll(() => cluster.close());

const children: CommandInit[] = Array.from({ length: count }, (_, n) => ({
  seq: n + 1,
  kind: {
    case: "startChildWorkflow",
    value: { spec: { workflowId: `child-${n}`, workflowType: "order" } },
  },
}));

/** Works on one-activity workflows, and on a parent that starts its children first, until all are done. Answers how long that took. */
async function work(
  it: Actor,
  begin: () => Promise<unknown>,
  isDone: () => Promise<boolean>,
): Promise<number> {
  let isOver = false;
  const wait = { seconds: 0n, nanos: 100_000_000 };
  const commandsOf = async (task: WorkflowTask): Promise<CommandInit[]> => {
    const isFirst = task.previousStartedEventId === 0;
    if (task.workflowId !== "parent") return [isFirst ? scheduleActivity(1) : completeWorkflow];
    if (isFirst) return children;
    const { pendingChildren } = await it.get("parent");
    return pendingChildren.length === 0 ? [completeWorkflow] : [];
  };
  const workflows = async () => {
    while (!isOver) {
      const tasks = await it.poll({ maxTasks: 100, wait });
      await Promise.all(tasks.map(async (task) => it.complete(task, await commandsOf(task))));
    }
  };
  const activities = async () => {
    while (!isOver) {
      const tasks = await it.pollActivities({ maxTasks: 100, wait });
      await Promise.all(tasks.map((task) => it.completeActivity(task)));
    }
  };
  const began = performance.now();
  const workers = [workflows(), workflows(), activities(), activities()];
  await begin();
  while (!(await isDone()));
  const took = performance.now() - began;
  isOver = true;
  await Promise.all(workers);
  return took;
}

async function completed(namespace: string): Promise<number> {
  const filter = { statuses: [WorkflowStatus.COMPLETED] };
  const request = create(wf.CountWorkflowsRequestSchema, { namespace, filter });
  return Number((await server.operations.countWorkflows(request, callOf())).count);
}

/** A thousand workflows from one call, and the same as children of one parent. */
async function both(): Promise<{ alone: number; asChildren: number; parent: (string | undefined)[] }> {
  const first = await makeNamespace(server);
  const specs = children.map((_, n) => ({
    workflowId: `alone-${n}`,
    workflowType: "order",
    taskQueue: "default",
  }));
  const request = create(wf.StartWorkflowsRequestSchema, { namespace: first, specs });
  const alone = await work(
    actor(server, first),
    () => server.operations.startWorkflows(request, callOf()),
    async () => (await completed(first)) === count,
  );
  const second = await makeNamespace(server);
  const it = actor(server, second);
  const asChildren = await work(
    it,
    () => it.start("parent"),
    async () => (await completed(second)) === count + 1,
  );
  const pages = [await it.historyPage("parent", { pageSize: 1_000 })];
  for (let token = pages[0]?.nextPageToken ?? ""; token !== ""; token = pages.at(-1)?.nextPageToken ?? "")
    pages.push(await it.historyPage("parent", { pageSize: 1_000, pageToken: token }));
  return { alone, asChildren, parent: pages.flatMap(({ events }) => kindsOf(events)) };
}

test("a parent with 1,000 one-activity children finishes, in at most 2.5 times the time of as many without a parent", async () => {
  await both();
  const { alone, asChildren, parent } = await both();
  for (const kind of ["childWorkflowInitiated", "childWorkflowStarted", "childWorkflowCompleted"])
    expect(parent.filter((other) => other === kind)).toHaveLength(count);
  expect(asChildren / alone).toBeLessThan(2.5);
}, 60_000);
