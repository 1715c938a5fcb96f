import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { RunState, Workflow } from "../../src/core/run-state.js";
import { type Database, openDatabase } from "../../src/store/database.js";
import { loadWorkflows } from "../../src/store/load.js";
import type { Unit } from "../../src/store/unit.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { advance, makeEvent, makeKey, makeRun, noMessages, startUnit, stepUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});

afterAll(() => store.close());

const workflowCount = 12;
const roundsPerServer = 150;
const unitsPerBatch = 5;

type Action = "start" | "terminate-existing" | "signal" | "complete" | "continue";
const actions: Action[] = [
  "start",
  "terminate-existing",
  "signal",
  "signal",
  "signal",
  "complete",
  "continue",
];

/** A number stream that is the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The run with one more event. */
function withEvent(run: RunState, fields: Partial<RunState> = {}): RunState {
  return advance(run, { nextEventId: run.nextEventId + 1, ...fields });
}

/** The unit that an action makes of a workflow as it is known, if the action is possible then. */
function decide(workflow: Workflow, action: Action, signal: string): Unit | undefined {
  const { namespaceId, workflowId, run } = workflow;
  const isOpen = run?.status === WorkflowStatus.RUNNING;
  const fresh = () => makeRun({ namespaceId, workflowId });
  if (run === undefined) return action === "start" ? startUnit(fresh()) : undefined;
  const event = makeEvent(run.nextEventId);
  const close = (status: WorkflowStatus) => ({
    before: run,
    after: withEvent(run, { status, closedAt: 1 }),
    events: [event],
  });
  switch (action) {
    case "start":
      return isOpen ? undefined : startUnit(fresh(), run.runId);
    case "terminate-existing":
      return isOpen ? startUnit(fresh(), run.runId, [close(WorkflowStatus.TERMINATED)]) : undefined;
    case "continue":
      return isOpen ? startUnit(fresh(), run.runId, [close(WorkflowStatus.CONTINUED_AS_NEW)]) : undefined;
    case "complete":
      return isOpen
        ? {
            namespaceId,
            workflowId,
            pointer: undefined,
            runs: [close(WorkflowStatus.COMPLETED)],
            ...noMessages,
          }
        : undefined;
    case "signal": {
      const keys = new Map([
        ...run.keys,
        [`signal:${signal}`, makeKey({ key: signal, eventId: run.nextEventId })],
      ]);
      return isOpen ? stepUnit(run, withEvent(run, { keys }), [event]) : undefined;
    }
  }
}

/** One server: it writes batches of random actions, decided on what it last knew, and reloads what it lost. */
async function serve(database: Database, namespaceId: string, random: () => number): Promise<string[]> {
  const known = new Map<string, Workflow>();
  const acknowledged: string[] = [];
  const writer = database.write[0] ?? database.read;
  for (let round = 0; round < roundsPerServer; round++) {
    const ids = new Set(
      Array.from({ length: unitsPerBatch }, () => `w${Math.floor(random() * workflowCount)}`),
    );
    const missing = [...ids].filter((id) => !known.has(id));
    const asks = missing.map((workflowId) => ({ namespaceId, workflowId }));
    const { workflows } = await loadWorkflows(database.read, asks);
    for (const workflow of workflows) known.set(workflow.workflowId, workflow);
    const decided = [...ids].flatMap((id) => {
      const workflow = known.get(id);
      const action = actions[Math.floor(random() * actions.length)] ?? "start";
      const signal = randomUUID();
      const unit = workflow && decide(workflow, action, signal);
      return unit === undefined ? [] : [{ unit, signal: action === "signal" ? signal : undefined }];
    });
    const batch = { batchId: randomUUID(), units: decided.map(({ unit }) => unit), answered: [] };
    const won = new Set((await writeBatch(writer, batch)).won);
    decided.forEach(({ unit, signal }, index) => {
      if (!won.has(index)) known.delete(unit.workflowId);
      else {
        if (signal !== undefined) acknowledged.push(signal);
        known.set(unit.workflowId, after(unit, known.get(unit.workflowId)));
      }
    });
    if (random() < 0.2) known.clear();
  }
  return acknowledged;
}

function after(unit: Unit, before: Workflow | undefined): Workflow {
  const { namespaceId, workflowId, pointer, runs } = unit;
  return { namespaceId, workflowId, pointer: pointer?.next ?? before?.pointer, run: runs.at(-1)?.after };
}

test("keeps every workflow whole while three servers write the same ones at random", async () => {
  const namespaceId = await store.makeNamespace();
  const databases = await Promise.all(
    [1, 2, 3].map(() => openDatabase({ url: store.url, writeConnections: 1, allowUnsafeFsync: true })),
  );
  const acknowledged = await Promise.all(
    databases.map((database, index) => serve(database, namespaceId, seeded(index + 1))),
  );
  await Promise.all(databases.map((database) => database.close()));
  const signals = acknowledged.flat();
  expect(signals.length).toBeGreaterThan(50);
  const faults = await store.run(
    `select 'more than one open run' as fault, workflow_id as id from runs
      where namespace_id = $1 and status = 2 group by workflow_id having count(*) > 1
    union all
    select 'open run that is not the current one', r.workflow_id from runs r
      join workflow_ids i using (namespace_id, workflow_id)
      where namespace_id = $1 and r.status = 2 and i.run_id <> r.run_id
    union all
    select 'gap in history', r.workflow_id from runs r join history h using (run_id)
      where namespace_id = $1 group by r.run_id, r.workflow_id, r.next_event_id
      having count(*) <> max(last_event_id) or max(last_event_id) <> r.next_event_id - 1
    union all
    select 'continued without a next run', workflow_id from runs r
      where namespace_id = $1 and status = 8 and not exists (
        select from runs n where n.namespace_id = r.namespace_id and n.workflow_id = r.workflow_id and n.run_id <> r.run_id)`,
    [namespaceId],
  );
  expect(faults).toEqual([]);
  const stored = await store.run<{ key: string }>(
    "select key from run_keys join runs using (run_id) where namespace_id = $1",
    [namespaceId],
  );
  expect(stored.map((row) => row.key).sort()).toEqual(signals.sort());
  const [deadlocks] = await store.run<{ deadlocks: number }>(
    "select deadlocks from pg_stat_database where datname = current_database()",
  );
  expect(deadlocks?.deadlocks).toBe(0);
}, 60_000);
