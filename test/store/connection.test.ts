import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openReconnecting } from "../../src/store/connection.js";
import {
  ConnectionLostError,
  type Database,
  DatabaseUnavailableError,
  LockTimeoutError,
  openDatabase,
} from "../../src/store/database.js";
import { loadWorkflows } from "../../src/store/load.js";
import { lockWorkflow } from "../../src/store/lock.js";
import { UnsafeFsyncError } from "../../src/store/preconditions.js";
import { removeOldBatches, settleBatch } from "../../src/store/settle-batch.js";
import type { Statement } from "../../src/store/statement.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { advance, makeEvent, makeRun, startUnit, stepUnit } from "./support/runs.js";
import { firstWriter, openTestStore, type TestStore } from "./support/store.js";

/** A way to the database that a test can cut. */
interface Wire {
  readonly url: string;
  /** Cuts all connections now, without a word to either side's protocol. */
  cut(): void;
  /** From now on, refuses new connections, or takes them again. */
  refuse(isRefusing: boolean): void;
  close(): Promise<void>;
}

let store: TestStore;
let wire: Wire;
let database: Database;

beforeAll(async () => {
  store = await openTestStore();
});

afterAll(() => store.close());

beforeEach(async () => {
  wire = await openWire(store.url);
  database = await openDatabase({ url: wire.url, writeConnections: 1, allowUnsafeFsync: true });
});

afterEach(async () => {
  await database.close();
  await wire.close();
});

async function openWire(target: string): Promise<Wire> {
  const { searchParams, pathname } = new URL(target);
  const socketPath = `${searchParams.get("host")}/.s.PGSQL.${searchParams.get("port") ?? 5432}`;
  const sockets = new Set<Socket>();
  let isRefusing = false;
  const server: Server = createServer((near) => {
    if (isRefusing) {
      near.destroy();
      return;
    }
    const far = dial(socketPath);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `postgresql://127.0.0.1:${address.port}${pathname}?user=${searchParams.get("user")}`,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    refuse: (value) => {
      isRefusing = value;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const selectOne: Statement = { name: "select_one", text: "select 1 as one" };

/** Runs a statement again until the database is back. */
async function untilBack<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isDown = error instanceof DatabaseUnavailableError || error instanceof ConnectionLostError;
      if (!isDown) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("tells a statement whose connection was cut that its outcome is unknown, and connects again", async () => {
  const sleeping = database.read.query({ name: "sleep", text: "select pg_sleep(20)" }, []);
  const waiting = expect(sleeping).rejects.toThrow(ConnectionLostError);
  await store.run("select 1");
  wire.cut();
  await waiting;
  expect(await untilBack(() => database.read.query(selectOne, []))).toEqual([{ one: 1 }]);
  expect(await untilBack(() => firstWriter(database).query(selectOne, []))).toEqual([{ one: 1 }]);
});

test("takes a connection that does not answer for lost", async () => {
  const connection = await openReconnecting({ url: wire.url, answerWithinMs: 100 });
  const sleeping = connection.query({ name: "sleep", text: "select pg_sleep(20)" }, []);
  await expect(sleeping).rejects.toThrow(ConnectionLostError);
  expect(await untilBack(() => connection.query(selectOne, []))).toEqual([{ one: 1 }]);
  await connection.close();
});

test("tells a transaction whose connection was cut, and opens another for the next", async () => {
  const lost = database.transaction(async (tx) => {
    const sleeping = tx.query({ name: "sleep", text: "select pg_sleep(20)" }, []);
    const waiting = expect(sleeping).rejects.toThrow(ConnectionLostError);
    await store.run("select 1");
    wire.cut();
    await waiting;
    throw new Error("over");
  });
  await expect(lost).rejects.toThrow("over");
  expect(await untilBack(() => database.transaction((tx) => tx.query(selectOne, [])))).toEqual([{ one: 1 }]);
});

test("fails statements at once while there is no connection", async () => {
  wire.refuse(true);
  const lost = expect(
    database.read.query({ name: "sleep", text: "select pg_sleep(20)" }, []),
  ).rejects.toThrow(ConnectionLostError);
  wire.cut();
  await lost;
  await expect(database.read.query(selectOne, [])).rejects.toThrow(DatabaseUnavailableError);
  await expect(database.transaction(async () => undefined)).rejects.toThrow(DatabaseUnavailableError);
  wire.refuse(false);
  expect(await untilBack(() => database.read.query(selectOne, []))).toEqual([{ one: 1 }]);
});

test("refuses to open a database that cannot be reached, and leaves nothing open", async () => {
  wire.refuse(true);
  const opening = openDatabase({ url: wire.url, writeConnections: 1, allowUnsafeFsync: true });
  await expect(opening).rejects.toThrow();
});

/** Writes a batch of two units, the first of which is lost, and cuts its connection while it waits for a lock; it goes on when this has ended. */
async function cutInMidBatch(): Promise<{ batchId: string; readVersion: () => Promise<number | undefined> }> {
  const namespaceId = await store.makeNamespace();
  const run = makeRun({ namespaceId });
  await store.write(startUnit(run));
  const batchId = randomUUID();
  const units = [
    stepUnit({ ...run, version: 7 }, { ...run, version: 8 }),
    stepUnit(run, advance(run), [makeEvent(2)]),
  ];
  await store.database.transaction(async (tx) => {
    await tx.query({ name: "keep_out", text: "lock table batches in share mode" }, []);
    const writing = expect(
      writeBatch(firstWriter(database), { batchId, units, answered: [] }),
    ).rejects.toThrow(ConnectionLostError);
    await untilLocked();
    wire.cut();
    await writing;
  });
  const readVersion = async () => {
    const { workflows } = await loadWorkflows(store.database.read, [askOf(run)]);
    return workflows[0]?.run?.version;
  };
  return { batchId, readVersion };
}

test("keeps the outcome of a batch whose answer was lost", async () => {
  const { batchId, readVersion } = await cutInMidBatch();
  while ((await readVersion()) === 1);
  expect(await settleBatch(store.database.read, batchId)).toEqual([1]);
});

test("decides the outcome of a batch that may be under way still, once and for all", async () => {
  const { batchId, readVersion } = await cutInMidBatch();
  const outcome = await settleBatch(store.database.read, batchId);
  const version = await readVersion();
  expect({ outcome, version }).toEqual(
    outcome === undefined ? { outcome: undefined, version: 1 } : { outcome: [1], version: 2 },
  );
  expect(await settleBatch(store.database.read, batchId)).toEqual(outcome);
  expect(await readVersion()).toBe(version);
});

/** Waits until somebody waits for a lock. */
async function untilLocked(): Promise<void> {
  for (;;) {
    const rows = await store.run(
      "select 1 from pg_locks l join pg_database d on d.oid = l.database where datname = current_database() and not granted",
    );
    if (rows.length > 0) return;
  }
}

function askOf({ namespaceId, workflowId }: { namespaceId: string; workflowId: string }) {
  return { namespaceId, workflowId };
}

test("lets a batch that was buried never commit", async () => {
  const namespaceId = await store.makeNamespace();
  const run = makeRun({ namespaceId });
  const batchId = randomUUID();
  expect(await settleBatch(store.database.read, batchId)).toBeUndefined();
  const late = writeBatch(firstWriter(database), { batchId, units: [startUnit(run)], answered: [] });
  await expect(late).rejects.toThrow(/batches_pkey/);
  const { workflows } = await loadWorkflows(store.database.read, [askOf(run)]);
  expect(workflows[0]?.run).toBeUndefined();
  expect(await settleBatch(store.database.read, batchId)).toBeUndefined();
});

test("forgets batches that were answered, and old ones", async () => {
  const [answered, old, young] = [randomUUID(), randomUUID(), randomUUID()];
  const writer = firstWriter(database);
  for (const batchId of [answered, old, young])
    await writeBatch(writer, { batchId, units: [], answered: [] });
  await writeBatch(writer, { batchId: randomUUID(), units: [], answered: [answered] });
  await store.run("update batches set created_at = created_at - 3700000000::bigint where batch_id = $1", [
    old,
  ]);
  expect(await removeOldBatches(database.read)).toBe(1);
  const rows = await store.run<{ batch_id: string }>(
    "select batch_id from batches where batch_id = any($1)",
    [[answered, old, young]],
  );
  expect(rows.map((row) => row.batch_id)).toEqual([young]);
});

test("gives up on a lock after a while, and lets the connection be used again", async () => {
  const namespaceId = await store.makeNamespace();
  const run = makeRun({ namespaceId });
  await store.write(startUnit(run));
  await store.database.transaction(async (tx) => {
    await lockWorkflow(tx, run);
    await expect(
      database.transaction(async (other) => {
        await other.query({ name: "short", text: "set local lock_timeout = 20" }, []);
        await lockWorkflow(other, run);
      }),
    ).rejects.toThrow(LockTimeoutError);
  });
  await database.transaction((tx) => lockWorkflow(tx, run));
});

test("undoes a transaction whose work fails", async () => {
  const namespaceId = await store.makeNamespace();
  const run = makeRun({ namespaceId });
  const failing = database.transaction(async (tx) => {
    await writeBatch(tx, { batchId: randomUUID(), units: [startUnit(run)], answered: [] });
    throw new Error("on second thoughts");
  });
  await expect(failing).rejects.toThrow("on second thoughts");
  const { workflows } = await loadWorkflows(database.read, [askOf(run)]);
  expect(workflows[0]?.pointer).toBeUndefined();
});

test("does not take for committed what a failed statement has undone", async () => {
  const careless = database.transaction(async (tx) => {
    await tx.query({ name: "bad", text: "select 1 / 0" }, []).catch(() => undefined);
  });
  await expect(careless).rejects.toThrow("one of its statements had failed");
});

test("refuses a database that may lose what it acknowledged, unless told otherwise", async () => {
  await expect(openDatabase({ url: wire.url, writeConnections: 1 })).rejects.toThrow(UnsafeFsyncError);
});

test("hears notifications, also after its connection was lost", async () => {
  const heard: string[] = [];
  let wake: () => void = () => undefined;
  const stop = await database.listen("hints", (payload) => {
    heard.push(payload);
    wake();
  });
  const hear = async (payload: string) => {
    const next = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await untilBack(() => database.notify("hints", payload));
    await next;
  };
  await hear("first");
  const lost = expect(database.read.query({ name: "s", text: "select pg_sleep(20)" }, [])).rejects.toThrow();
  wire.cut();
  await lost;
  await hear("second");
  stop();
  expect(heard).toEqual(["first", "second"]);
});
