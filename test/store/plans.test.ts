import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunState } from "../../src/core/run-state.js";
import { type ChooseStatement, openShapes } from "../../src/store/batch-shapes.js";
import { claimTasks, unclaimTasks, whichQueuesAreReady } from "../../src/store/claim.js";
import { findHeldRuns } from "../../src/store/dead-workers.js";
import { hasOpenRun } from "../../src/store/delete-namespace.js";
import { clearDeletions, deleteRun } from "../../src/store/deletions.js";
import { deleteExpired, findExpiries } from "../../src/store/expired-runs.js";
import { readHeartbeats, writeHeartbeats } from "../../src/store/heartbeats.js";
import { readEvents, readHistory } from "../../src/store/history.js";
import { copyHistory } from "../../src/store/history-copies.js";
import { findIdleRuns } from "../../src/store/idle-runs.js";
import { countWorkflows, listChildren, listWorkflows } from "../../src/store/list.js";
import { loadWorkflows, locateRuns } from "../../src/store/load.js";
import { loadMessages, overdueInboxes } from "../../src/store/messages.js";
import { openConnection } from "../../src/store/pool.js";
import { countQueueTasks } from "../../src/store/queue-tasks.js";
import { countRuns } from "../../src/store/run-counts.js";
import {
  currentStatuses,
  dueSchedules,
  listSchedules,
  loadSchedules,
  writeSchedule,
} from "../../src/store/schedules.js";
import { durableSettings, planSettings } from "../../src/store/settings.js";
import { settleBatch } from "../../src/store/settle-batch.js";
import { readSignalHashes } from "../../src/store/signal-hashes.js";
import { type Queryable, send } from "../../src/store/statement.js";
import type { Unit } from "../../src/store/unit.js";
import { dueWakeups } from "../../src/store/wakeups.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import {
  advance,
  makeActivity,
  makeEvent,
  makeKey,
  makeLease,
  makeRun,
  makeTask,
  startUnit,
  stepUnit,
} from "./support/runs.js";
import { fireUnit, makeSchedule } from "./support/schedules.js";

/** A scan of a table, as it ran. */
interface Scan {
  table: string;
  kind: string;
  rows: number;
  isNarrowed: boolean;
}

let database: TestDatabase;
let client: pg.Client;
let q: Queryable;
let scans: Scan[] = [];
let namespaceId: string;

/** Read from its beginning in the order of its key, as far as a step goes; and all of what there is little of. */
const readWhole = ["deletions", "namespaces"];
const filled = 30_000;
/** The nth of the runs that the tables are filled with, counted from 1. */
const runId = (n: number) => `01990000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const workflowId = (n: number) => `filled-${n}`;

beforeAll(async () => {
  database = await createTestDatabase();
  const explain = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": 0,
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
  };
  client = await openConnection({
    url: database.url,
    settings: { ...planSettings, ...durableSettings, ...explain },
  });
  q = { query: (statement, values) => send(client, statement, values) };
  await client.query(`do $$ declare t regclass; begin
    for t in select oid from pg_class where relnamespace = 'pawl'::regnamespace and relkind = 'r' loop
      execute format('alter table %s set (autovacuum_enabled = off)', t);
    end loop; end $$`);
  const { rows } = await client.query("select namespace_id from namespaces");
  namespaceId = rows[0].namespace_id;
  for (const run of Object.values(hotStatements)) await run(1);
  await fill();
  client.on("notice", ({ message }) => {
    const json = /plan:\s*(\{[\s\S]*\})/.exec(message ?? "")?.[1];
    if (json !== undefined) scans.push(...scansOf(JSON.parse(json).Plan));
  });
}, 120_000);

afterAll(async () => {
  await client.end();
  await database.drop();
});

const everyTable = openShapes("usual", { mostStatements: 1, timesAsked: 1 });
const theirTables = openShapes("usual", { mostStatements: 100, timesAsked: 1 });

function write(choose: ChooseStatement, units: Unit[]): Promise<unknown> {
  return writeBatch(q, { batchId: randomUUID(), units, answered: [randomUUID()] }, choose);
}

/** Steps of filled runs, each of one's own. */
function steps(n: number, from: Partial<RunState>, to: (offset: number) => Partial<RunState>): Unit[] {
  return [1, 2, 3].map((offset) => {
    const ids = { runId: runId(n + offset), workflowId: workflowId(n + offset) };
    const before = makeRun({ namespaceId, ...ids, ...from });
    return stepUnit(before, advance(before, to(offset)), [makeEvent(1_000)]);
  });
}

function mixedUnits(n: number): Unit[] {
  const started = [0, 1, 2].map(() => startUnit(makeRun({ namespaceId, workflowTask: makeTask() })));
  const moved = startUnit(makeRun({ namespaceId, workflowId: workflowId(n + 20) }), runId(n + 20));
  const before = {
    workflowTask: makeTask({ readyPosition: n }),
    activities: new Map([[1, makeActivity({ seq: 1 })]]),
    timers: new Map([[1, { seq: 1, scheduledEventId: 1, fireAt: 1 }]]),
    buffered: [{ position: 1, event: makeEvent(0).event }],
    wakeupAt: 1,
  };
  const changed = steps(n, before, (offset) => ({
    workflowTask: undefined,
    activities: new Map([[2, makeActivity({ seq: 2, readyPosition: 5 })]]),
    timers: new Map([[2, { seq: 2, scheduledEventId: 1, fireAt: 1 }]]),
    buffered: [{ position: 2, event: makeEvent(0).event }],
    keys: new Map([["signal:x", makeKey({ key: "x" })]]),
    wakeupAt: offset === 1 ? undefined : 9,
  }));
  return [...started, moved, ...changed];
}

const activities = new Map([[1, makeActivity({ seq: 1, lease: makeLease() })]]);

/** Each as it is used, for rows that exist once the tables are filled. */
const firstPage = { after: undefined, limit: 5, maxBytes: 1_000_000 };
const hotStatements: Record<string, (n: number) => Promise<unknown>> = {
  "write a batch for every table": (n) => write(everyTable, mixedUnits(n)),
  "write a batch for most tables": (n) => write(theirTables, mixedUnits(n + 30)),
  "start workflows": () =>
    write(
      theirTables,
      [0, 1, 2].map(() => startUnit(makeRun({ namespaceId, wakeupAt: 5 }))),
    ),
  "schedule activities": (n) =>
    write(
      theirTables,
      steps(n + 40, {}, () => ({ activities })),
    ),
  "complete activities": (n) => {
    const keys = new Map([["activity:1", makeKey({ kind: "activity", key: "1" })]]);
    return write(
      theirTables,
      steps(n + 50, { activities }, () => ({ activities: new Map(), keys })),
    );
  },
  "complete workflows": (n) =>
    write(
      theirTables,
      steps(n + 60, { wakeupAt: 5 }, () => ({ status: 3, closedAt: 5, wakeupAt: undefined })),
    ),
  "load workflows": (n) =>
    loadWorkflows(q, [
      { namespaceId, workflowId: workflowId(n + 5), keys: ["signal:x"] },
      { namespaceId, workflowId: workflowId(n + 6), runId: runId(n + 6) },
      { namespaceId, workflowId: "none" },
    ]),
  "load the messages of a busy workflow": () =>
    loadMessages(q, [{ namespaceId, workflowId: workflowId(1) }], 5),
  "locate runs": (n) => locateRuns(q, [runId(n), runId(n + 1)]),
  "load the messages of a busy schedule": () =>
    loadMessages(q, [{ namespaceId, workflowId: workflowId(1), isSchedule: true }], 5),
  "load schedules": (n) => loadSchedules(q, [{ namespaceId, scheduleId: workflowId(n) }]),
  "find due schedules": () => dueSchedules(q, { by: 5, limit: 5 }),
  "list schedules": () =>
    listSchedules(q, { namespaceId, after: workflowId(5), limit: 5, maxBytes: 1_000_000 }),
  "let schedules fire": (n) =>
    write(
      theirTables,
      [1, 2].map((offset) => {
        const schedule = makeSchedule({ namespaceId, scheduleId: workflowId(n + offset) });
        return fireUnit(schedule, randomUUID(), { nextFireAt: undefined });
      }),
    ),
  "change a schedule": (n) => {
    const before = makeSchedule({ namespaceId, scheduleId: workflowId(n + 9) });
    return writeSchedule(q, { before, after: before, request: undefined });
  },
  "see where runs of a schedule stand": (n) => currentStatuses(q, namespaceId, [workflowId(n)]),
  "claim tasks of all types": () =>
    claimTasks(q, [{ namespaceId, kind: "workflow", taskQueue: "orders", types: [], limit: 4 }]),
  "claim tasks of some types": () =>
    claimTasks(q, [{ namespaceId, kind: "activity", taskQueue: "orders", types: ["type-1"], limit: 4 }]),
  "give tasks back": async (n) => {
    const tasks = await claimTasks(q, [
      { namespaceId, kind: "workflow", taskQueue: "orders", types: ["type-1"], limit: n },
    ]);
    await unclaimTasks(q, tasks);
  },
  "see which queues are ready": () =>
    whichQueuesAreReady(q, [
      { namespaceId, kind: "workflow", taskQueue: "orders" },
      { namespaceId, kind: "workflow", taskQueue: "empty" },
    ]),
  "read history": (n) =>
    readHistory(q, {
      runId: runId(n),
      afterEventId: 3,
      maxEvents: 5,
      maxBytes: 1_000_000,
      descending: false,
    }),
  "read history backward": (n) =>
    readHistory(q, { runId: runId(n), afterEventId: 0, maxEvents: 5, maxBytes: 1_000_000, descending: true }),
  "read events": (n) =>
    readEvents(q, [
      { runId: runId(n), eventId: 2 },
      { runId: runId(n + 1), eventId: 3 },
    ]),
  "find due wake-ups": () => dueWakeups(q, 5, 5),
  "find what dead workers hold": async () => {
    const ask = { namespaceId, workerIds: ["w"], limit: 5 };
    return findHeldRuns(q, { ...ask, after: (await findHeldRuns(q, { ...ask, after: undefined })).next });
  },
  "count the tasks of a queue": () =>
    countQueueTasks(q, { namespaceId: randomUUID(), taskQueue: "orders", limit: 5 }),
  "write heartbeats": (n) =>
    writeHeartbeats(q, [{ runId: runId(n + 7), seq: 1, epoch: 1, at: 1, details: undefined }]),
  "read heartbeats": (n) => readHeartbeats(q, [{ runId: runId(n + 7), seq: 1 }]),
  "list runs": () =>
    listWorkflows(q, { filter: filter({}), after: undefined, limit: 5, maxBytes: 1_000_000 }),
  "list runs of a type and a status": () =>
    listWorkflows(q, {
      filter: filter({ workflowType: "order", statuses: [2] }),
      ...firstPage,
    }),
  "find runs that do not move": async () => {
    const ask = { namespaceId, idleSince: filled, limit: 5 };
    return findIdleRuns(q, { ...ask, after: (await findIdleRuns(q, { ...ask, after: undefined })).next });
  },
  "count runs": () => countRuns(q, namespaceId, [1, 2, 3]),
  "list runs by the value of an attribute": (n) =>
    listWorkflows(q, { filter: filter({ attributes: [amount(n, n + 1)] }), ...firstPage }),
  "list runs by the range of an attribute": (n) =>
    listWorkflows(q, { filter: filter({ attributes: [amount(n, n + 100)] }), ...firstPage }),
  "list runs by the range of an attribute and the time": (n) => {
    const attributes = [amount(n, filled)];
    return listWorkflows(q, {
      filter: filter({ attributes, startedFrom: n, startedTo: n + 50 }),
      ...firstPage,
    });
  },
  "count runs by the value of an attribute": (n) =>
    countWorkflows(q, filter({ attributes: [amount(n, n + 1)] })),
  "count runs by the range of an attribute": (n) =>
    countWorkflows(q, filter({ attributes: [amount(n, n + 100)] })),
  "count runs by the range of an attribute and the time": (n) =>
    countWorkflows(
      q,
      filter({ attributes: [amount(n, filled)], startedFrom: n, startedTo: n + 50, statuses: [2] }),
    ),
  "list runs by id": () =>
    listWorkflows(q, {
      filter: filter({ workflowIdPrefix: "filled-777" }),
      ...firstPage,
    }),
  "list the children of a run": (n) => listChildren(q, { parentRunId: runId(n), ...firstPage }),
  "find what is to be delivered": (n) => overdueInboxes(q, n, 5),
  "find an open run of a namespace": () => hasOpenRun(q, namespaceId),
  "read what tells repeats of a run's signals": (n) => readSignalHashes(q, runId(n), 0),
  "copy the history of a run": (n) => {
    const run = <T>(work: (tx: Queryable) => Promise<T>) => work(q);
    return copyHistory(run, { fromRunId: runId(n), toRunId: randomUUID(), throughEventId: 8 });
  },
  "delete a run": async (n) => {
    const ids = { namespaceId, workflowId: workflowId(n + 70), runId: runId(n + 70) };
    await client.query("update runs set status = 3, closed_at = 5 where run_id = $1", [ids.runId]);
    scans = [];
    return deleteRun(q, ids);
  },
  "find runs that are kept no longer": () => findExpiries(q, { now: 3_000_000_000_000_000, limit: 5 }),
  "delete runs that are kept no longer": async (n) => {
    await client.query("update runs set status = 3, closed_at = 5 where run_id = any($1::uuid[])", [
      [runId(n + 90), runId(n + 91)],
    ]);
    scans = [];
    const expiry = { namespaceId, name: "main", isDeleting: false, closedUntil: 5, keptFor: 0 };
    return deleteExpired(q, [expiry], 2);
  },
  "remove what is left of deleted runs": async (n) => {
    // No random id comes before those of the runs.
    await client.query("delete from deletions where run_id < $1", [runId(filled)]);
    await client.query("insert into deletions select unnest($1::uuid[]), 1", [
      [runId(n + 80), runId(n + 81)],
    ]);
    scans = [];
    return clearDeletions(q, { maxRuns: 2, maxRows: 10 });
  },
  "settle a batch": async () => {
    const batchId = randomUUID();
    return [await settleBatch(q, batchId), await settleBatch(q, batchId)];
  },
};

/** Runs from one (included) to another (excluded), by the attribute that numbers them. */
function amount(from: number, to: number) {
  const isEqual = to === from + 1;
  return {
    name: "amount",
    from: `i${hex(from)}`,
    to: isEqual ? `i${hex(from)}\u0001` : `i${hex(to)}`,
    isEqual,
  };
}

const hex = (n: number) => n.toString(16).padStart(16, "0");

function filter(fields: Partial<Parameters<typeof listWorkflows>[1]["filter"]>) {
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

async function fill(): Promise<void> {
  const id = "('01990000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
  const activity = JSON.stringify({ lease: makeLease() });
  const statements = [
    `insert into workflow_ids select $1, 'filled-' || n, ${id}, '', '' from generate_series(1, $2::int) n`,
    `insert into runs select ${id}, $1, 'filled-' || n, 'order', 'orders', n, '{}', 1, 2, false, 9, 9, 9, null, null, 0, 0, 0, 0, '', 0, null, null
      from generate_series(1, $2::int) n`,
    `insert into history select ${id}, e * 2 + 1, e * 2 + 2, 0, ''
      from generate_series(1, $2::int) n, generate_series(0, 19) e where $1::uuid is not null and n < 3000`,
    `insert into activities select ${id}, 1, '${activity}', null, 1, false from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into activity_heartbeats select ${id}, 1, 0, 0, null from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into timers select ${id}, 1, 1, 1 from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into buffered_events select ${id}, 1, '' from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into run_keys select ${id}, 'signal', 'x', 1, '' from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into search_attributes select $1, 'amount', 'i' || lpad(to_hex(n), 16, '0'), n, ${id} from generate_series(1, $2::int) n`,
    `insert into wakeups select ${id}, n from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into ready_tasks select $1, k, 'orders', case n % 2 when 0 then 'order' else 'type-1' end, 3, n, ${id}, k - 1, 'filled-' || n
      from generate_series(1, $2::int) n, generate_series(1, 2) k`,
    `insert into deletions select gen_random_uuid(), n from generate_series(1, $2::int) n where $1::uuid is not null`,
    `insert into messages select ${id}, 1, $1, 'filled-' || 1 + n % 10, null, '{}', 1, '' from generate_series(1, $2::int) n`,
    `insert into schedules select $1, 'filled-' || n, 1, 1, '', '{}', null, n, 1, 1 from generate_series(1, $2::int) n`,
    `insert into batches select gen_random_uuid(), null, n from generate_series(1, $2::int) n where $1::uuid is not null`,
  ];
  for (const text of statements) await client.query(text, [namespaceId, filled]);
}

function scansOf(node: Record<string, unknown>): Scan[] {
  const children = Array.isArray(node.Plans) ? node.Plans.flatMap(scansOf) : [];
  const kind = String(node["Node Type"]);
  if (node["Relation Name"] === undefined || kind === "ModifyTable" || kind === "LockRows") return children;
  const count = (field: string) => Number(node[field] ?? 0);
  const read =
    count("Actual Rows") + count("Rows Removed by Filter") + count("Rows Removed by Index Recheck");
  const rows = Math.round(read * count("Actual Loops"));
  const isNarrowed = node["Index Cond"] !== undefined || node["Recheck Cond"] !== undefined;
  return [{ table: String(node["Relation Name"]), kind, rows, isNarrowed }, ...children];
}

test.each(Object.keys(hotStatements))(
  "reads only what it needs to %s, by a plan made on empty tables",
  async (name) => {
    scans = [];
    await hotStatements[name]?.(100);
    expect(scans.length).toBeGreaterThan(0);
    const tables = scans.filter((scan) => scan.rows > 0 || scan.kind === "Seq Scan");
    expect(
      tables.filter((scan) => (!scan.isNarrowed && !readWhole.includes(scan.table)) || scan.rows > 150),
    ).toEqual([]);
  },
);

test("looks at the runs of its page alone to list a range of an attribute", async () => {
  scans = [];
  const attributes = [amount(1_000, 3_000)];
  const { rows } = await listWorkflows(q, { filter: filter({ attributes }), ...firstPage });
  expect(rows.map((row) => row.workflowId)).toEqual([2_999, 2_998, 2_997, 2_996, 2_995].map(workflowId));
  const read = (table: string) =>
    scans.filter((scan) => scan.table === table).reduce((sum, scan) => sum + scan.rows, 0);
  expect(read("search_attributes")).toBe(2_000);
  const { rows: versions } = await client.query(
    "select current_setting('server_version_num')::int as version",
  );
  // And the one behind, which tells that there are more; Postgres before 17 does not know that the newest few are in order, and looks at all of them.
  expect(read("runs")).toBe(versions[0].version >= 170_000 ? 5 + 1 : 5 + 50);
});
