import { afterEach, beforeEach, expect, test } from "vitest";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { DatabaseUnavailableError, type Queryable } from "../../src/store/database.js";
import { type Actor, actor, completeWorkflow, ms } from "../support/actor.js";
import { openCuttableLink } from "../support/cuttable-link.js";
import {
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  seeded,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { miscounted } from "../support/miscounted.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let b: TestServer;
let namespace: string;
let onA: Actor;
let onB: Actor;

beforeEach(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  b = await cluster.open();
  namespace = await makeNamespace(a);
  onA = actor(a, namespace);
  onB = actor(b, namespace);
});

afterEach(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  await cluster.close();
});

test("decides a refusal on fresh state: the rightful holder is not told that its lease is stale", async () => {
  await onA.start("fresh");
  const [first] = await onA.poll();
  cluster.moveTime(11_000);
  await b.upkeep.wakeOverdueRuns();
  const [second] = await onB.poll();
  expect(errorOf(await onA.complete(second, [completeWorkflow]))).toBeUndefined();
  expect(errorOf(await onB.complete(first, [completeWorkflow]))).toBe("STALE_LEASE");
});

test("finds a run that is not the current one any more, whatever the cache holds", async () => {
  const { runId = "" } = await onA.start("stray");
  await onA.signal("stray", { runId, requestId: "once" });
  const [task] = await onA.poll();
  await onB.terminate("stray");
  await onB.start("stray");
  expect(await reasonOf(onA.signal("stray", { runId, requestId: "once" }))).toBeUndefined();
  expect(await reasonOf(onA.signal("stray", { runId }))).toBe("WORKFLOW_CLOSED");
  expect(errorOf(await onA.complete(task, [completeWorkflow]))).toBe("STALE_LEASE");
});

test("never has two open runs of an id, nor loses a signal, when two servers race", async () => {
  const random = seeded(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const ids = Array.from({ length: 8 }, (_, n) => `race-${n}`);
  const acknowledged = new Map<string, number>();
  const openPolicies = [OpenIdPolicy.FAIL, OpenIdPolicy.USE_EXISTING, OpenIdPolicy.TERMINATE_EXISTING];
  const closedPolicies = [ClosedIdPolicy.ALLOW, ClosedIdPolicy.ALLOW_IF_FAILED, ClosedIdPolicy.REJECT];
  const allowed = new Set(["WORKFLOW_EXISTS", "WORKFLOW_NOT_FOUND", "WORKFLOW_CLOSED", undefined]);
  const client = async (it: Actor) => {
    for (let n = 0; n < 120; n++) {
      const id = pick(ids);
      const kind = pick(["start", "signal", "signal", "complete"]);
      if (kind === "start") {
        const spec = { openIdPolicy: pick(openPolicies), closedIdPolicy: pick(closedPolicies) };
        expect(allowed).toContain(await reasonOf(it.start(id, { spec })));
      } else if (kind === "signal") {
        const refusal = await reasonOf(
          it
            .signal(id)
            .then(({ runId }) => acknowledged.set(runId ?? "", (acknowledged.get(runId ?? "") ?? 0) + 1)),
        );
        expect(allowed).toContain(refusal);
      } else {
        for (const task of await it.poll({ wait: ms(0), maxTasks: 3 })) {
          const error = errorOf(await it.complete(task, pick([[], [completeWorkflow]])));
          expect([undefined, "UNHANDLED_COMMAND", "STALE_LEASE"]).toContain(error);
        }
      }
    }
  };
  await Promise.all([onA, onB, onA, onB, onA, onB].map(client));
  const open = await cluster.run<{ n: number }>(
    "select count(*)::int as n from pawl.runs where closed_at is null group by workflow_id having count(*) > 1",
  );
  expect(open).toEqual([]);
  const runs = await cluster.run<{ run_id: string; workflow_id: string }>(
    "select run_id, workflow_id from pawl.runs",
  );
  for (const { run_id, workflow_id } of runs) {
    const history = await onA.history(workflow_id, run_id);
    expect(history.map((event) => event.eventId)).toEqual(history.map((_, index) => index + 1));
    const stored = kindsOf(history).filter((kind) => kind === "signalReceived").length;
    const { length: buffered } = await cluster.run("select 1 from pawl.buffered_events where run_id = $1", [
      run_id,
    ]);
    expect(stored + buffered).toBe(acknowledged.get(run_id) ?? 0);
  }
  expect([...a.faults, ...b.faults]).toEqual([]);
  expect(a.held().polls + b.held().polls).toBe(0);
}, 60_000);

test("writes a run within 100 ms that another server writes without pause", async () => {
  await onA.start("hot");
  let isOver = false;
  const hot = Array.from({ length: 8 }, async () => {
    while (!isOver) await onA.signal("hot");
  });
  await onB.signal("hot");
  // The machine itself may stand still for a moment: one round of three in which no call was slow will do.
  const longest: number[] = [];
  for (let round = 0; round < 3 && Math.min(...longest) >= 100; round++) {
    const times: number[] = [];
    for (let n = 0; n < 40; n++) {
      const began = performance.now();
      await onB.signal("hot");
      times.push(performance.now() - began);
    }
    longest.push(Math.max(...times));
  }
  isOver = true;
  await Promise.all(hot);
  expect(Math.min(...longest)).toBeLessThan(100);
});

test("answers INTERNAL to the one operation whose row the database refuses, and writes its 200 neighbours", async () => {
  await cluster.run("alter table pawl.runs add constraint test_bad check (workflow_type <> 'bad')");
  const works = Array.from({ length: 201 }, (_, n) =>
    reasonOf(onA.start(`n-${n}`, { spec: { workflowType: n === 77 ? "bad" : "good" } })),
  );
  const reasons = await Promise.all(works);
  expect(reasons.filter((reason) => reason !== undefined)).toEqual(["INTERNAL"]);
  expect(reasons[77]).toBe("INTERNAL");
  expect(await cluster.run("select 1 from pawl.runs")).toHaveLength(200);
  expect(a.faults).toHaveLength(1);
});

test("finds the one bad operation among those on one run", async () => {
  await onA.start("shared");
  await cluster.run("alter table pawl.run_keys add constraint test_bad check (key <> 'bad')");
  const works = Array.from({ length: 20 }, (_, n) =>
    reasonOf(onA.signal("shared", { requestId: n === 7 ? "bad" : `good-${n}` })),
  );
  const reasons = await Promise.all(works);
  expect(reasons[7]).toBe("INTERNAL");
  expect(reasons.filter((reason) => reason === undefined)).toHaveLength(19);
  const signals = kindsOf(await onA.history("shared")).filter((kind) => kind === "signalReceived");
  expect(signals).toHaveLength(19);
});

/** Holds every batch that writes runs until the lock is given free, and tells which backend waits. */
async function holdBatches(): Promise<{ waiting(): Promise<number[]>; release(): Promise<void> }> {
  await cluster.run(`create function pawl.test_hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(4711); return new; end $$`);
  await cluster.run(
    "create trigger test_hold before insert on pawl.history for each row execute function pawl.test_hold()",
  );
  await cluster.run("select pg_advisory_lock(4711)");
  return {
    waiting: async () => {
      const rows = await cluster.run<{ pid: number }>(
        "select pid from pg_locks where locktype = 'advisory' and objid = 4711 and not granted",
      );
      return rows.map((row) => row.pid);
    },
    release: async () => {
      await cluster.run("select pg_advisory_unlock(4711)");
    },
  };
}

test("writes nothing twice and loses nothing when a connection is cut in the middle of a batch", async () => {
  await onA.start("cut");
  const hold = await holdBatches();
  const signals = Array.from({ length: 20 }, (_, n) => reasonOf(onA.signal("cut", { name: `s-${n}` })));
  const start = reasonOf(onA.start("cut-too"));
  await until("a batch is in mid-statement", async () => (await hold.waiting()).length > 0);
  for (const pid of await hold.waiting()) await cluster.run("select pg_terminate_backend($1)", [pid]);
  await hold.release();
  expect(await Promise.all([...signals, start])).toEqual(Array(21).fill(undefined));
  const names = (await onA.history("cut")).flatMap(({ kind }) =>
    kind.case === "signalReceived" ? [kind.value.name] : [],
  );
  expect(names.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `s-${n}`).sort());
  expect(kindsOf(await onA.history("cut-too"))).toHaveLength(2);
});

test("finds out what became of a batch that goes on after its connection was lost", async () => {
  await onA.start("lost");
  const link = await openCuttableLink(cluster.url);
  const far = await cluster.open({ url: link.url });
  const it = actor(far, namespace);
  await it.signal("lost", { name: "before" });
  const hold = await holdBatches();
  const signals = Array.from({ length: 10 }, (_, n) => reasonOf(it.signal("lost", { name: `s-${n}` })));
  await until("a batch is in mid-statement", async () => (await hold.waiting()).length > 0);
  link.cut();
  await until("its outcome is asked for", () => far.statements.includes("bury_batch"));
  await hold.release();
  expect(await Promise.all(signals)).toEqual(Array(10).fill(undefined));
  const names = (await onA.history("lost")).flatMap(({ kind }) =>
    kind.case === "signalReceived" ? [kind.value.name] : [],
  );
  expect(names.sort()).toEqual(["before", ...Array.from({ length: 10 }, (_, n) => `s-${n}`)].sort());
  expect(far.told.get("batchWritten")?.last).toMatchObject([{ lost: 0 }]);
  await far.stop();
  await link.close();
});

test("tries a batch again that Postgres gave up", async () => {
  await onA.start("lost");
  const hold = await holdBatches();
  const signal = reasonOf(onA.signal("lost"));
  await until("a batch is in mid-statement", async () => (await hold.waiting()).length > 0);
  const start = reasonOf(onA.start("neighbour"));
  await until("both write connections wait", async () => (await hold.waiting()).length === 2);
  const [pid] = await hold.waiting();
  await cluster.run("select pg_cancel_backend($1)", [pid]);
  await hold.release();
  expect(await Promise.all([signal, start])).toEqual([undefined, undefined]);
  expect(kindsOf(await onA.history("lost")).filter((kind) => kind === "signalReceived")).toHaveLength(1);
});

test("refuses with SERVER_BUSY beyond the bound, and never grows", async () => {
  const small = await cluster.open({ maxWaitingOperations: 50 });
  const it = actor(small, namespace);
  await it.start("warm");
  const hold = await holdBatches();
  const blockers = [reasonOf(it.start("block-1"))];
  await until("a batch is held", async () => (await hold.waiting()).length === 1);
  blockers.push(reasonOf(it.start("block-2")));
  await until("both are held", async () => (await hold.waiting()).length === 2);
  const reasons = Array.from({ length: 200 }, (_, n) => reasonOf(it.start(`busy-${n}`)));
  await until("the bound is reached", () => small.told.get("waitingOperations")?.last[0] === 50);
  await hold.release();
  const all = await Promise.all([...reasons, ...blockers]);
  expect(all.filter((reason) => reason === "SERVER_BUSY")).toHaveLength(150);
  expect(all.filter((reason) => reason === undefined)).toHaveLength(52);
});

test("writes what waits and refuses what comes when it stops", async () => {
  await onA.start("stop");
  const polling = onA.poll({ taskQueue: "empty" });
  const hold = await holdBatches();
  const writes = Array.from({ length: 30 }, (_, n) => reasonOf(onA.start(`stop-${n}`)));
  await until("a batch is held", async () => (await hold.waiting()).length > 0);
  const stopping = a.stop();
  expect(await reasonOf(onA.signal("stop"))).toBe("SHUTTING_DOWN");
  expect(await reasonOf(onA.poll({ wait: ms(0) }))).toBe("SHUTTING_DOWN");
  await hold.release();
  expect(await polling).toEqual([]);
  expect(await Promise.all(writes)).toEqual(Array(30).fill(undefined));
  await stopping;
  expect(await cluster.run("select 1 from pawl.runs where workflow_id like 'stop-%'")).toHaveLength(30);
});

test("says that the database can't be reached, and recovers by itself", async () => {
  await onA.start("outage");
  const restore = await cluster.cutOff();
  expect(await reasonOf(onA.get("outage"))).toBe("DATABASE_UNAVAILABLE");
  expect(await reasonOf(onA.result("outage"))).toBe("DATABASE_UNAVAILABLE");
  const signal = reasonOf(onA.signal("outage"));
  await restore();
  expect(await signal).toBeUndefined();
  await until("reads work again", async () => (await reasonOf(onA.get("outage"))) === undefined);
  const signals = kindsOf(await onA.history("outage")).filter((kind) => kind === "signalReceived");
  expect(signals).toHaveLength(1);
  expect((await onA.get("outage")).workflow?.status).toBe(WorkflowStatus.PENDING);
});

test("tells the callers when the database stays away for long", async () => {
  await onA.start("away");
  const restore = await cluster.cutOff();
  // A statement that was sent before the cut is noticed has an outcome that nobody knows: its caller waits for the database.
  for (const connection of [a.database.read, ...a.database.write])
    await until(
      "the cut is noticed",
      async () => (await probe(connection)) instanceof DatabaseUnavailableError,
    );
  const signal = reasonOf(onA.signal("away"));
  const start = onA.start("new");
  expect(await signal).toBe("DATABASE_UNAVAILABLE");
  expect(await reasonOf(start)).toBe("DATABASE_UNAVAILABLE");
  await restore();
  await until("reads work again", async () => (await reasonOf(onA.get("away"))) === undefined);
  expect(kindsOf(await onA.history("away"))).not.toContain("signalReceived");
});

function probe(connection: Queryable): Promise<unknown> {
  return connection.query({ name: "probe", text: "select" }, []).catch((error: unknown) => error);
}

test("stops while the database can't be reached", async () => {
  await onA.start("down");
  const restore = await cluster.cutOff();
  const signal = reasonOf(onA.signal("down"));
  await a.stop();
  expect(["DATABASE_UNAVAILABLE", "SHUTTING_DOWN"]).toContain(await signal);
  await restore();
});
