import { randomUUID } from "node:crypto";
import { type Database, openDatabase } from "../../../src/store/database.js";
import type { Queryable } from "../../../src/store/statement.js";
import type { Unit } from "../../../src/store/unit.js";
import { type BatchOutcome, writeBatch } from "../../../src/store/write-batch.js";
import { createTestDatabase } from "../../support/database.js";

/** A database of a test file's own, opened as a server opens it. */
export interface TestStore {
  readonly url: string;
  readonly database: Database;
  /** A namespace that nothing else uses. */
  makeNamespace(): Promise<string>;
  write(...units: Unit[]): Promise<BatchOutcome>;
  /** Runs a statement of the test's own. */
  run<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export async function openTestStore(): Promise<TestStore> {
  const testDatabase = await createTestDatabase();
  const { url } = testDatabase;
  const database = await openDatabase({ url, writeConnections: 2, allowUnsafeFsync: true });
  const run: TestStore["run"] = (text, values = []) => database.read.query({ name: "", text }, values);
  return {
    url,
    database,
    run,
    makeNamespace: async () => {
      const [row] = await run<{ namespace_id: string }>(
        "insert into namespaces (name) values ($1) returning namespace_id",
        [randomUUID()],
      );
      if (row === undefined) throw new Error("no namespace was made");
      return row.namespace_id;
    },
    write: (...units) => writeBatch(firstWriter(database), { batchId: randomUUID(), units, answered: [] }),
    close: async () => {
      await database.close();
      await testDatabase.drop();
    },
  };
}

export function firstWriter(database: Database): Queryable {
  const [connection] = database.write;
  if (connection === undefined) throw new Error("the database has no write connection");
  return connection;
}
