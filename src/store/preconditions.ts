import type pg from "pg";
import { openConnection } from "./pool.js";

/** A Postgres that Pawl does not run on. */
export class PostgresTooOldError extends Error {
  override readonly name = "PostgresTooOldError";

  constructor(readonly version: string) {
    super(
      `The database is Postgres ${version}, and pawl needs 15 or newer: upgrade it, or give another --database-url.`,
    );
  }
}

/** A database whose schema was made by a newer Pawl, which this one would misread. */
export class SchemaTooNewError extends Error {
  override readonly name = "SchemaTooNewError";

  constructor(
    readonly schemaVersion: number,
    readonly programVersion: number,
  ) {
    super(
      `The database has schema ${schemaVersion}, which is too new for this pawl with schema ${programVersion}: start a newer pawl, or give another --database-url.`,
    );
  }
}

/** A Postgres that answers "committed" before it is on disk. */
export class UnsafeFsyncError extends Error {
  override readonly name = "UnsafeFsyncError";

  constructor() {
    super(
      "The database has fsync off and loses what was acknowledged when its machine crashes: set fsync = on in postgresql.conf, or accept it with --allow-unsafe-fsync.",
    );
  }
}

/** Refuses a database of a Postgres too old, or of a schema too new for a program that brings the given one. */
export async function refuseUnfit(options: { url: string; programVersion: number }): Promise<void> {
  const connection = await openConnection({ url: options.url, name: "pawl check" });
  try {
    const { rows } = await connection.query<{ number: number; version: string }>(
      "select current_setting('server_version_num')::int as number, current_setting('server_version') as version",
    );
    const [server] = rows;
    if (server !== undefined && server.number < 150_000) throw new PostgresTooOldError(server.version);
    await refuseNewerSchema(connection, options.programVersion);
  } finally {
    await connection.end();
  }
}

/** Refuses a database that does not keep what it acknowledged. */
export async function refuseUnsafeFsync(url: string): Promise<void> {
  const connection = await openConnection({ url, name: "pawl check" });
  try {
    const { rows } = await connection.query<{ fsync: string }>("select current_setting('fsync') as fsync");
    if (rows[0]?.fsync !== "on") throw new UnsafeFsyncError();
  } finally {
    await connection.end();
  }
}

/** A schema says itself which programs may still use it, so that during an upgrade old servers go on beside new ones. */
async function refuseNewerSchema(connection: pg.Client, programVersion: number): Promise<void> {
  const table = await connection.query(
    "select from pg_tables where schemaname = 'pawl' and tablename = 'schema_versions'",
  );
  if (table.rowCount === 0) return;
  const { rows } = await connection.query<{ version: number; min_server: number }>(
    "select max(version)::int as version, max(min_server)::int as min_server from pawl.schema_versions",
  );
  const [schema] = rows;
  if (schema !== undefined && schema.min_server > programVersion) {
    throw new SchemaTooNewError(schema.version, programVersion);
  }
}
