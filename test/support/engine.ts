/** Engines over one database of a test's own, and the calls that clients and workers make of them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { inject } from "vitest";
import type { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { CreateNamespaceRequestSchema } from "../../gen/pawl/v1/namespace_service_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import { defaultLimits } from "../../src/core/limits.js";
import { type Clock, openClock } from "../../src/engine/clock.js";
import type { Call } from "../../src/engine/engine.js";
import type { EngineMetrics } from "../../src/engine/metrics.js";
import { noMetrics } from "../../src/engine/metrics.js";
import { type EngineOptions, type OpenEngine, openEngine } from "../../src/engine/open-engine.js";
import { type Database, openDatabase } from "../../src/store/database.js";
import { openConnection } from "../../src/store/pool.js";
import type { Queryable, Statement } from "../../src/store/statement.js";
import { createTestDatabase } from "./database.js";

/** A command as a test writes it. */
export type CommandInit = MessageInitShape<typeof CommandSchema>;

/** An engine with what a test wants to see of it. */
export interface TestServer extends OpenEngine {
  readonly database: Database;
  /** Names of the statements it has sent, in order. */
  readonly statements: string[];
  /** Faults that it has logged. */
  readonly faults: unknown[];
  /** What its metrics were told last, by name, and how often. */
  readonly told: Map<string, { count: number; last: readonly unknown[] }>;
}

/** How a server of a test is opened. */
export interface TestServerOptions extends Partial<EngineOptions> {
  readonly writeConnections?: number;
  readonly url?: string;
  /** What the answer of a statement waits for on its way to the engine, by the statement's name. */
  readonly holdAnswer?: (statement: string) => Promise<void>;
}

/** Servers over one database. */
export interface TestCluster {
  readonly url: string;
  open(options?: TestServerOptions): Promise<TestServer>;
  /** Moves the clock of all servers. */
  moveTime(ms: number): void;
  /** Cuts all servers off from the database, and lets nobody in until it is told to. */
  cutOff(): Promise<() => Promise<void>>;
  /** Runs a statement of the test's own. */
  run<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Clones a database; servers are opened by the test and stopped with it. */
export async function openTestCluster(): Promise<TestCluster> {
  const testDatabase = await createTestDatabase();
  const { url } = testDatabase;
  const admin = await openConnection({ url, name: "pawl-test-admin" });
  const servers: TestServer[] = [];
  let movedMicros = 0;

  function movableClock(): Clock {
    const real = openClock();
    return {
      ...real,
      earliest: () => real.earliest() + movedMicros,
      latest: () => real.latest() + movedMicros,
    };
  }

  return {
    url,
    async open({ writeConnections = 2, url: its = url, holdAnswer, ...options } = {}) {
      const statements: string[] = [];
      const faults: unknown[] = [];
      const told: TestServer["told"] = new Map();
      const opened = await openDatabase({ url: its, writeConnections, allowUnsafeFsync: true });
      const database = options.database ?? watched(opened, statements, holdAnswer);
      const engine = await openEngine({
        database,
        limits: defaultLimits,
        maxRequestBytes: 4 * 1024 * 1024,
        maxWaitingOperations: 10_000,
        maxBatchOperations: 400,
        cacheBytes: 64 * 1024 * 1024,
        metrics: recording(told),
        logger: {
          debug: () => {},
          info: () => {},
          warn: (message, fields) => faults.push({ message, ...fields }),
          error: (message, fields) => faults.push({ message, ...fields }),
        },
        clock: movableClock(),
        ...options,
      });
      const server: TestServer = {
        ...engine,
        database,
        statements,
        faults,
        told,
        async stop() {
          await engine.stop();
          await opened.close();
        },
      };
      servers.push(server);
      return server;
    },
    moveTime(ms) {
      movedMicros += ms * 1_000;
    },
    async cutOff() {
      const outside = await openConnection({ url: inject("postgresUrl"), name: "pawl-test-admin" });
      const name = new URL(url).pathname.slice(1);
      await outside.query(`alter database ${name} with allow_connections false`);
      await outside.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'pawl'",
        [name],
      );
      return async () => {
        await outside.query(`alter database ${name} with allow_connections true`);
        await outside.end();
      };
    },
    run: async (text, values = []) => (await admin.query(text, values)).rows,
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
      await admin.end();
      await testDatabase.drop();
    },
  };
}

/** The database with every statement noted down, and answers held up if a test wants that. */
function watched(
  database: Database,
  statements: string[],
  holdAnswer: TestServerOptions["holdAnswer"],
): Database {
  const watch = (q: Queryable): Queryable => ({
    async query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
      statements.push(statement.name);
      const rows = await q.query<Row>(statement, values);
      await holdAnswer?.(statement.name);
      return rows;
    },
  });
  return {
    ...database,
    read: watch(database.read),
    write: database.write.map(watch),
    transaction: (work) => {
      statements.push("transaction");
      return database.transaction((tx) => work(watch(tx)));
    },
    notify: (channel, payload) => {
      statements.push("notify");
      return database.notify(channel, payload);
    },
  };
}

function recording(told: TestServer["told"]): EngineMetrics {
  const names = Object.keys(noMetrics) as (keyof EngineMetrics)[];
  const record =
    (name: string) =>
    (...last: unknown[]) =>
      void told.set(name, { count: (told.get(name)?.count ?? 0) + 1, last });
  return Object.fromEntries(names.map((name) => [name, record(name)])) as unknown as EngineMetrics;
}

/** What surrounds a call: a caller who stays unless the test says otherwise. */
export function callOf(signal: AbortSignal = new AbortController().signal): Call {
  return { principal: "", signal, deadlineAt: undefined };
}

/** Makes a namespace that nothing else uses. */
export async function makeNamespace(server: TestServer): Promise<string> {
  const name = `ns-${crypto.randomUUID()}`;
  await server.operations.createNamespace(create(CreateNamespaceRequestSchema, { name }), callOf());
  return name;
}

/** The name of the reason for which something is refused; undefined if it is not. */
export async function reasonOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return ErrorReason[error.reason];
    throw error;
  }
}

/** The reason in the outcome of one element; undefined if it was accepted. */
export function errorOf(
  outcome: { outcome?: { case?: string | undefined; value?: unknown } } | undefined,
): string | undefined {
  if (outcome?.outcome?.case !== "error") return undefined;
  const { reason } = outcome.outcome.value as { reason: ErrorReason };
  return ErrorReason[reason];
}

/** The id of the n-th event of a kind. */
export function idOf(history: readonly HistoryEvent[], kind: HistoryEvent["kind"]["case"], n = 1): number {
  const event = history.filter((candidate) => candidate.kind.case === kind)[n - 1];
  if (event === undefined) throw new Error(`there is no ${kind}`);
  return event.eventId;
}

/** The kinds of events. */
export function kindsOf(events: readonly Pick<HistoryEvent, "kind">[] | undefined): (string | undefined)[] {
  return (events ?? []).map((event) => event.kind.case);
}

/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
