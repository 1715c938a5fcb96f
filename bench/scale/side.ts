/** One of the two that are compared: a server with a database of its own. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { connect, requireDurable } from "../database.js";
import { type Call, openCalls } from "../rpc.js";
import { startServer } from "../server.js";
import type { Population } from "./population.js";

/** A server, its database, and what that is seeded with. */
export interface Side {
  readonly name: "small" | "large";
  readonly population: Population;
  readonly call: Call;
  readonly database: pg.Client;
  close(): Promise<void>;
}

/** Starts a server on an empty database. */
export async function openSide(
  name: Side["name"],
  { dir, population }: { dir: string; population: Population },
): Promise<Side> {
  const own = join(dir, name);
  await mkdir(own);
  const server = await startServer({ dir: own });
  const database = await connect(server.databaseUrl);
  await requireDurable(database);
  await database.query("set search_path = pawl");
  const { call, close } = openCalls(server.address);
  return {
    name,
    population,
    call,
    database,
    async close() {
      close();
      // A connection that was cut can't be ended in order.
      await database.end().catch(() => undefined);
      await server.stop();
    },
  };
}
