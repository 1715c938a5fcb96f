/** What can go wrong between a statement and the database, where the caller must do different things about it. */

/** There is no connection now: the statement was not sent. Try again later. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";

  constructor(cause: unknown) {
    super("The database cannot be reached.", { cause });
  }
}

/** The connection was lost while the statement ran: whether it took effect is unknown. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";

  constructor(cause: unknown) {
    super("The connection to the database was lost before it answered.", { cause });
  }
}

/** The values of the statement were refused; nothing was written. One bad operation may have failed its neighbours. */
export class DataError extends Error {
  override readonly name = "DataError";
  /** Five characters, by the SQL standard. */
  readonly sqlState: string;

  constructor(sqlState: string, cause: Error) {
    super(`The database refused the values of a statement: ${cause.message}`, { cause });
    this.sqlState = sqlState;
  }
}

/** A lock was not to be had in time; nothing was written. */
export class LockTimeoutError extends Error {
  override readonly name = "LockTimeoutError";

  constructor(cause: unknown) {
    super("A row stayed locked by others for too long.", { cause });
  }
}

/** Postgres gave the statement up: it took too long, was in the way of others, or there was no room; nothing was written. Try again later. */
export class GivenUpError extends Error {
  override readonly name = "GivenUpError";

  constructor(cause: Error) {
    super(`The database gave a statement up: ${cause.message}`, { cause });
  }
}

/** The typed error for what a statement failed with. `isLost`: whether its connection is gone. */
export function classifyError(error: unknown, isLost: boolean): unknown {
  const state = sqlState(error);
  if (state === undefined) return isLost ? new ConnectionLostError(error) : error;
  if (state.startsWith("08") || state.startsWith("57P")) return new ConnectionLostError(error);
  if (state === "55P03") return new LockTimeoutError(error);
  if (/^(40|53|57014)/.test(state) && error instanceof Error) return new GivenUpError(error);
  if (/^(22|23|54)/.test(state) && error instanceof Error) return new DataError(state, error);
  return error;
}

/** The SQLSTATE of an error that the database itself reported. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
