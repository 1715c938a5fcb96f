import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { type CountingLink, openCountingLink } from "../support/counting-link.js";
import { type CommandInit, errorOf } from "../support/engine.js";
import { type GrpcCaller, grpcCaller } from "../support/grpc-caller.js";
import { isShort } from "../support/is-short.js";
import { type NotedMessages, openNotedMessages } from "../support/noted-messages.js";
import { openSandbox, type Sandbox, type ServerProcess } from "../support/processes.js";
import { until } from "../support/until.js";

const { method: wf } = WorkflowService;
const { method: wk } = WorkerService;

/** A server that reaches its database by a way that stops where the test says. */
interface Victim {
  readonly server: ServerProcess;
  readonly link: CountingLink;
  readonly caller: GrpcCaller;
}

/** A parent with three children that are about to end, each in a way of its own. */
interface Family {
  readonly parentId: string;
  /** Those of the first two children, which their workers hold. */
  readonly tasks: readonly WorkflowTask[];
}

/** Where a kill hit: what the process was about to send or to hear, and what had become of the ends by then. */
interface Point {
  readonly before: string;
  readonly found: "not all have ended" | "all have ended, not all are told" | "all are told";
}

/** Which points are tried: each, or every second. */
const stride = isShort ? 2 : 1;

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
});

afterAll(() => sandbox.close());

test("a kill -9 at any point between the ends of children and their parent's learning of them leaves each told once, behind its start", {
  timeout: 180_000,
}, async () => {
  onTestFailed(() => console.error(sandbox.tell()));
  // Two at once, on a database each, in turns.
  const points = (await Promise.all([killFrom(0), killFrom(stride)])).flat();
  const found = points.map((point) => point.found);
  const count = (what: Point["found"]) => found.filter((one) => one === what).length;
  // A statement has three points at which what has happened differs, and there are some six statements.
  expect(points.length).toBeGreaterThanOrEqual(12 / stride);
  expect(count("not all have ended")).toBeGreaterThanOrEqual(2 / stride);
  expect(count("all have ended, not all are told")).toBeGreaterThanOrEqual(3 / stride);
  // A few points may miss a kind, since what servers ask by the way comes in between.
  const kinds = isShort ? [] : ["Execute", "Sync", "ReadyForQuery"];
  expect(points.map(({ before }) => before)).toEqual(expect.arrayContaining(kinds));
});

/** Each server finishes what the one before it left, then is killed itself, some messages later than that one, until that is too late. */
async function killFrom(first: number): Promise<Point[]> {
  const noted = await openNotedMessages();
  const points: Point[] = [];
  let victim = await startVictim(noted);
  for (let at = first; points.at(-1)?.found !== "all are told"; at += 2 * stride) {
    const family = await beginFamily(victim.caller, noted, `parent-${at}`);
    const stopped = victim.link.stopAfter(at);
    // Their callers do not get to know what becomes of them, and ask the next server the same.
    const lost = Promise.allSettled(endChildren(victim.caller, family));
    const before = await stopped;
    await end(victim);
    await lost;
    points.push({ before, found: await whatIsFound(noted) });
    await noted.makeOverdue();
    victim = await startVictim(noted);
    await Promise.all(endChildren(victim.caller, family));
    await until("all are told", async () => (await whatIsFound(noted)) === "all are told");
    await expectToldOnce(victim.caller, family.parentId);
  }
  await end(victim);
  expect(await noted.notOnce()).toEqual([]);
  await noted.close();
  return points;
}

async function startVictim(noted: NotedMessages): Promise<Victim> {
  const link = await openCountingLink(noted.url);
  const server = await sandbox.startServer({ databaseUrl: link.url });
  return { server, link, caller: grpcCaller(server.address) };
}

async function end({ server, link, caller }: Victim): Promise<void> {
  await server.kill();
  await link.close();
  caller.close();
}

async function beginFamily(caller: GrpcCaller, noted: NotedMessages, parentId: string): Promise<Family> {
  const taskQueue = `${parentId}-itself`;
  const wait = { seconds: 10n };
  const spec = { workflowId: parentId, workflowType: "parent", taskQueue };
  await caller.call(wf.startWorkflow, { requestId: parentId, spec });
  const { tasks: begun } = await caller.call(wk.pollWorkflowTasks, { taskQueue, wait });
  const commands = [1, 2, 3].map((seq) => startChild(parentId, seq));
  const completions = begun.map(({ taskToken }) => ({ taskToken, commands }));
  await caller.call(wk.completeWorkflowTasks, { completions });
  const tasks: WorkflowTask[] = [];
  while (tasks.length < 3) {
    const polled = await caller.call(wk.pollWorkflowTasks, { taskQueue: parentId, wait, maxTasks: 3 });
    tasks.push(...polled.tasks);
  }
  await until("all starts are told", async () => (await noted.underWay()) === 0);
  const ofChild = (seq: number) => tasks.filter(({ workflowId }) => workflowId === childId(parentId, seq));
  return { parentId, tasks: [...ofChild(1), ...ofChild(2)] };
}

const childId = (parentId: string, seq: number) => `${parentId}-child-${seq}`;

function startChild(parentId: string, seq: number): CommandInit {
  const spec = { workflowId: childId(parentId, seq), workflowType: "child", taskQueue: parentId };
  return { seq, kind: { case: "startChildWorkflow", value: { spec } } };
}

/** The first child completes, the second fails, the third is terminated: the same calls, however often. */
function endChildren(caller: GrpcCaller, { parentId, tasks }: Family): Promise<void>[] {
  const complete: CommandInit = { kind: { case: "completeWorkflow", value: {} } };
  const fail: CommandInit = { kind: { case: "failWorkflow", value: { failure: { message: "no" } } } };
  const completions = tasks.map(({ taskToken }, index) => ({
    taskToken,
    commands: [index === 0 ? complete : fail],
  }));
  const terminate = { workflowId: childId(parentId, 3), requestId: `${parentId}-terminate` };
  return [
    caller.call(wk.completeWorkflowTasks, { completions }).then(({ outcomes }) => {
      expect(outcomes.map((outcome) => errorOf(outcome))).toEqual([undefined, undefined]);
    }),
    caller.call(wf.terminateWorkflow, terminate).then(() => undefined),
  ];
}

async function whatIsFound(noted: NotedMessages): Promise<Point["found"]> {
  if ((await noted.openChildren()) > 0) return "not all have ended";
  return (await noted.underWay()) > 0 ? "all have ended, not all are told" : "all are told";
}

async function expectToldOnce(caller: GrpcCaller, workflowId: string): Promise<void> {
  const { events } = await caller.call(wf.getHistory, { workflowId, pageSize: 1_000 });
  const told = [1, 2, 3].map((seq) => events.flatMap((event) => tellsOf(event, seq)));
  expect(told).toEqual([
    ["childWorkflowInitiated", "childWorkflowStarted", "childWorkflowCompleted"],
    ["childWorkflowInitiated", "childWorkflowStarted", "childWorkflowFailed"],
    ["childWorkflowInitiated", "childWorkflowStarted", "childWorkflowTerminated"],
  ]);
}

function tellsOf({ kind }: HistoryEvent, seq: number): string[] {
  const value: object = kind.value ?? {};
  const isOfChild = kind.case?.startsWith("childWorkflow") === true && "seq" in value && value.seq === seq;
  return isOfChild ? [kind.case ?? ""] : [];
}
