/** Transactions of several statements, for the few that need ordinary locks. */
import type pg from "pg";
import { ConnectionLostError, classifyError, DatabaseUnavailableError } from "./errors.js";
import { type Queryable, send } from "./statement.js";

/** Runs `work` in a transaction, which is undone if it throws. */
export async function runTransaction<T>(pool: pg.Pool, work: (tx: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw new DatabaseUnavailableError(cause);
  });
  let isLost = false;
  const lose = () => {
    isLost = true;
  };
  client.once("error", lose);
  const attempt = async <R>(statement: Promise<R>): Promise<R> => {
    try {
      return await statement;
    } catch (error) {
      throw classifyError(error, isLost);
    }
  };
  try {
    await attempt(client.query("begin")).catch(refuseLost);
    const result = await work({ query: (statement, values) => attempt(send(client, statement, values)) });
    await commit(attempt(client.query("commit")));
    return result;
  } catch (error) {
    await client.query("rollback").catch(lose);
    throw error;
  } finally {
    client.off("error", lose);
    client.release(isLost);
  }
}

/** Nothing was done yet: a connection that had died unnoticed is as good as none. */
function refuseLost(error: unknown): never {
  throw error instanceof ConnectionLostError ? new DatabaseUnavailableError(error) : error;
}

/** Postgres answers the commit of a transaction in which a statement has failed with a rollback, and no error. */
async function commit(committing: Promise<pg.QueryResult>): Promise<void> {
  const { command } = await committing;
  if (command !== "COMMIT") throw new Error("A transaction went on after one of its statements had failed.");
}
