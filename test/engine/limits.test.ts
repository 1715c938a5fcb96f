import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import { defaultLimits } from "../../src/core/limits.js";
import { type Actor, actor, completeWorkflow, scheduleActivity, scheduleTimer } from "../support/actor.js";
import {
  type CommandInit,
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

const limits = { ...defaultLimits, maxPendingPerKind: 2, maxHistoryEvents: 60, warnHistoryEvents: 12 };

let cluster: TestCluster;
let server: TestServer;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open({ limits });
});

beforeEach(async () => {
  it = actor(server, await makeNamespace(server));
});

afterAll(() => cluster.close());

const commandsOf: Record<string, (seq: number) => CommandInit> = {
  activities: (seq) => scheduleActivity(seq),
  timers: (seq) => scheduleTimer(seq, 60),
  children: (seq) => ({
    seq,
    kind: {
      case: "startChildWorkflow",
      value: { spec: { workflowId: `child-${seq}`, workflowType: "order", taskQueue: "children" } },
    },
  }),
  "external requests": (seq) => ({
    seq,
    kind: { case: "signalExternalWorkflow", value: { target: { workflowId: "nobody" }, name: "hello" } },
  }),
};

describe("a run with more pending than it may have", () => {
  test.each(Object.entries(commandsOf))(
    "of %s: the whole call is refused, naming the command",
    async (kind, command) => {
      await it.start("full");
      const task = await it.take();
      const before = await it.history("full");
      const answer = await it.complete(task, [command(1), command(2), command(3)]);
      expect(errorOf(answer)).toBe("PENDING_LIMIT");
      expect(answer?.outcome?.value).toMatchObject({
        metadata: { kind, limit: "2", command_index: "2" },
      });
      expect(await it.history("full")).toEqual(before);
      expect(errorOf(await it.complete(task, [command(1), command(2)]))).toBeUndefined();
    },
  );

  test.each([
    ["activities", scheduleActivity],
    ["timers", (seq: number) => scheduleTimer(seq, 60)],
  ] as const)(
    "of %s counts those of earlier tasks, and takes more once one has ended",
    async (_, command) => {
      await it.start("full");
      await it.complete(await it.take(), [command(1), command(2)]);
      await it.signal("full");
      const task = await it.take();
      expect(errorOf(await it.complete(task, [command(3)]))).toBe("PENDING_LIMIT");
      const cancel = { seq: 0, kind: { case: "cancelTimer", value: { timerSeq: 1 } } } as CommandInit;
      const cancelActivity = { kind: { case: "cancelActivity", value: { activitySeq: 1 } } } as CommandInit;
      const end = command === scheduleActivity ? cancelActivity : cancel;
      expect(errorOf(await it.complete(task, [end, command(3)]))).toBeUndefined();
    },
  );

  test("of updates: the next is refused, and taken once one is answered", async () => {
    await it.start("full");
    const ask = (updateId: string) => it.update("full", { updateId, waitStage: 1 });
    await ask("u1");
    await ask("u2");
    const refusal = await ask("u3").catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RefusedError);
    expect(refusal).toMatchObject({ metadata: { kind: "updates", limit: "2" } });
    await it.complete(await it.take(), [{ kind: { case: "rejectUpdate", value: { updateId: "u1" } } }]);
    expect(await reasonOf(ask("u3"))).toBeUndefined();
  });
});

test("a long history advises to continue as new, and at its limit ends the run with that reason", async () => {
  await it.start("long");
  const first = await it.take();
  const advice = (events: typeof first.history) =>
    events.flatMap(({ kind }) =>
      kind.case === "workflowTaskStarted" ? [kind.value.suggestContinueAsNew] : [],
    );
  expect(advice(first.history)).toEqual([false]);
  await it.complete(first, []);
  for (let n = 0; n < 8; n++) await it.signal("long");
  const later = await it.take();
  expect(advice(later.history)).toEqual([false, true]);
  await it.complete(later, []);
  let refusal: string | undefined;
  for (let n = 0; n < limits.maxHistoryEvents && refusal === undefined; n++)
    refusal = await reasonOf(it.signal("long"));
  expect(refusal).toBe("WORKFLOW_CLOSED");
  expect((await it.get("long")).workflow?.status).toBe(WorkflowStatus.TERMINATED);
  const last = (await it.history("long")).at(-1);
  expect(last?.kind).toMatchObject({
    case: "workflowTerminated",
    value: { reason: "the history has reached its limit of 60 events" },
  });
  expect(last?.eventId).toBeLessThanOrEqual(limits.maxHistoryEvents + 1);
});

test("a run that signals flood as it closes keeps every one that was acknowledged, and closes at last", async () => {
  const flooded = await cluster.open();
  it = actor(flooded, await makeNamespace(flooded));
  await it.start("flood");
  const acknowledged: string[] = [];
  const refusals = new Set<string>();
  async function flood(round: number): Promise<void> {
    const names = [0, 1, 2].map((n) => `signal-${round}-${n}`);
    await Promise.all(
      names.map(async (name) => {
        const refusal = await reasonOf(it.signal("flood", { name, requestId: name }));
        if (refusal === undefined) acknowledged.push(name);
        else refusals.add(refusal);
      }),
    );
  }
  let rounds = 0;
  for (let error: string | undefined = "UNHANDLED_COMMAND"; error !== undefined; rounds++) {
    expect(error).toBe("UNHANDLED_COMMAND");
    const task = await it.take();
    await flood(rounds);
    error = errorOf(await it.complete(task, [completeWorkflow]));
  }
  // Ten times what came in comes first; then what comes in while the run closes is told to try again.
  expect(rounds).toBe(11);
  expect([...refusals]).toEqual(["SERVER_BUSY"]);
  expect((await it.get("flood")).workflow?.status).toBe(WorkflowStatus.COMPLETED);
  const history = await it.history("flood");
  const recorded = history.flatMap(({ kind }) => (kind.case === "signalReceived" ? [kind.value.name] : []));
  expect(recorded.sort()).toEqual(acknowledged.sort());
  expect(kindsOf(history).at(-1)).toBe("workflowCompleted");
  expect(await reasonOf(it.signal("flood"))).toBe("WORKFLOW_CLOSED");
});
