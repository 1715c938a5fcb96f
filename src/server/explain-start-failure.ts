import { PostgresTooOldError, SchemaTooNewError, UnsafeFsyncError } from "../store/preconditions.js";
import { StartError } from "./start-error.js";

/** Says in one line what kept the server from starting, and what helps. */
export function explainStartFailure(
  error: unknown,
  config: { databaseUrl?: string | undefined } = {},
): StartError {
  if (error instanceof StartError) return error;
  if (
    error instanceof PostgresTooOldError ||
    error instanceof SchemaTooNewError ||
    error instanceof UnsafeFsyncError
  ) {
    return new StartError(error.message, { cause: error });
  }
  const facts = readFacts(error);
  const message = explainListening(facts) ?? explainDatabase(facts, describeDatabase(config.databaseUrl));
  return new StartError(message ?? `pawl could not start: ${facts.message}.`, { cause: error });
}

interface Facts {
  code: string;
  message: string;
  syscall: string;
  address: string;
  port: string;
}

/** System and database errors carry their facts in fields. Of several tries on one name the first tells enough. */
function readFacts(error: unknown): Facts {
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const fields = new Map<string, unknown>(first instanceof Error ? Object.entries(first) : []);
  const field = (name: string) => String(fields.get(name) ?? "");
  const message = first instanceof Error ? first.message : String(first);
  return {
    code: field("code"),
    message,
    syscall: field("syscall"),
    address: field("address"),
    port: field("port"),
  };
}

function explainListening(facts: Facts): string | undefined {
  if (facts.syscall !== "listen" && facts.syscall !== "bind") return undefined;
  const place = facts.port === "" ? facts.address : `${facts.address}:${facts.port}`;
  switch (facts.code) {
    case "EADDRINUSE":
      return `Port ${facts.port} on ${facts.address} is taken: end what listens there, or choose another with --port.`;
    case "EACCES":
      return `Listening on ${place} is not allowed: choose a port above 1023 with --port.`;
    case "EADDRNOTAVAIL":
      return `${facts.address} is no address of this machine: choose one with --host.`;
    default:
      return `Listening on ${place} failed (${facts.message}): choose another place with --host and --port.`;
  }
}

function explainDatabase(facts: Facts, database: string): string | undefined {
  switch (facts.code) {
    case "ECONNREFUSED":
    case "ENOENT":
    case "ECONNRESET":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
    case "EACCES":
      return `The database ${database} cannot be reached (${facts.message}): start it, or correct --database-url.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The database's host is unknown (${facts.message}): correct --database-url.`;
    case "ERR_INVALID_URL":
      return "The database URL is not one: write it as postgresql://user:password@host:5432/database in --database-url.";
    case "28P01":
      return `The database ${database} refuses the password: correct it in --database-url or PAWL_DATABASE_URL.`;
    case "28000":
      return `The database ${database} refuses the connection (${facts.message}): correct user and host in --database-url, or pg_hba.conf.`;
    case "3D000":
      return `The database ${database} does not exist: create it, or correct --database-url.`;
    case "42501":
      return `The database ${database} lacks a permission (${facts.message}): grant its user create on the database.`;
    case "53300":
      return `The database ${database} has no connection left: raise max_connections, or lower --write-connections.`;
    case "57P03":
      return `The database ${database} is starting or stopping: start pawl again when it is up.`;
    default:
      break;
  }
  // The driver gives these two no code.
  if (/timeout expired|Connection terminated/.test(facts.message)) {
    return `The database ${database} does not answer (${facts.message}): start it, or correct --database-url.`;
  }
  if (/password must be a string/.test(facts.message)) {
    return `The database ${database} wants a password: put it into --database-url or PAWL_DATABASE_URL.`;
  }
  return undefined;
}

/** Host and name for a message, never the password. */
function describeDatabase(url: string | undefined): string {
  if (url === undefined) return "of this server";
  try {
    const { host, pathname, searchParams } = new URL(url);
    return `${searchParams.get("host") ?? host}${pathname}`;
  } catch {
    return "of --database-url";
  }
}
