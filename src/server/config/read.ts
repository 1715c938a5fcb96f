import { readFileSync } from "node:fs";
import { StartError } from "../start-error.js";
import { closest } from "./closest.js";
import { type Config, type Field, fields } from "./definitions.js";

/** Where settings come from. What a flag says wins over a variable, that over the file, that over the default. */
export interface ConfigSources {
  /** Values of flags by their name, such as `--port`. */
  flags?: Readonly<Record<string, unknown>>;
  /** The path of the file; PAWL_CONFIG unless given. */
  file?: string | undefined;
  env?: NodeJS.ProcessEnv;
}

/** Reads the configuration. Whatever is bad or unknown is refused by name, with what would do. */
export function readConfig(sources: ConfigSources = {}): Config {
  const env = sources.env ?? process.env;
  const flags = sources.flags ?? {};
  refuseUnknownVariables(env);
  const file = readFile(sources.file ?? (env.PAWL_CONFIG || undefined));
  const config: Record<string, unknown> = {};
  for (const field of fields) {
    const given = [
      { name: field.flag, value: flags[field.flag] },
      // An empty variable is an unset one: that is how compose files and units leave one out.
      { name: field.variable, value: env[field.variable] || undefined },
      { name: `${field.path.join(".")} in ${file.path}`, value: file.values.get(field.path.join(".")) },
    ].find((candidate) => candidate.value !== undefined);
    assign(config, field.path, given === undefined ? field.definition.default : readField(field, given));
  }
  // The table that the type is derived from has just been walked.
  const complete = config as Config;
  refuseContradictions(complete);
  return complete;
}

/** What to warn of before listening there, if anything. */
export function describeExposure(config: Pick<Config, "host">): string | undefined {
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?|::ffff:127(\.\d{1,3}){3})$/i.test(config.host);
  if (isLoopback) return undefined;
  return `Listening on ${config.host} without authentication: whoever can reach this address may do everything. Use --host 127.0.0.1, or let only a proxy or a private network reach it.`;
}

function readField(field: Field, given: { name: string; value: unknown }): unknown {
  const value = field.definition.read(given.value);
  if (value !== undefined) return value;
  // A connection string may hold a password.
  const shown = field.variable === "PAWL_DATABASE_URL" ? "" : ` ${JSON.stringify(given.value)}`;
  const link = field.variable === "PAWL_PORT" && String(given.value).includes("://");
  const hint = link ? " (Kubernetes sets it for a service named pawl: set enableServiceLinks to false)" : "";
  throw usage(`${given.name}${shown} is not valid: it must be ${field.definition.rule}${hint}.`);
}

function refuseContradictions(config: Config): void {
  const { limits } = config;
  const pairs = [
    [
      ["--max-payload-bytes", limits.maxPayloadBytes],
      ["--max-event-bytes", limits.maxEventBytes],
    ],
    [
      ["--max-event-bytes", limits.maxEventBytes],
      ["--max-request-bytes", limits.maxRequestBytes],
    ],
    [
      ["--warn-history-events", limits.warnHistoryEvents],
      ["--max-history-events", limits.maxHistoryEvents],
    ],
    [
      ["--warn-history-bytes", limits.warnHistoryBytes],
      ["--max-history-bytes", limits.maxHistoryBytes],
    ],
    [
      ["--batches-in-flight", config.batchesInFlight],
      ["--write-connections", config.writeConnections],
    ],
  ] as const;
  for (const [[low, least], [high, most]] of pairs) {
    if (least > most)
      throw usage(`${low} ${least} is more than ${high} ${most}: lower the first or raise the second.`);
  }
}

/** Variables that other parts of Pawl, its tests and Kubernetes set. */
const foreignVariables = /^PAWL_(CONFIG$|TEST_|SERVICE_|PORT_)/;

function refuseUnknownVariables(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith("PAWL_") || foreignVariables.test(name)) continue;
    const known = fields.map((field) => field.variable);
    if (!known.includes(name)) throw usage(`${name} is not a variable of pawl: ${suggest(name, known)}.`);
  }
}

function readFile(path: string | undefined): { path: string; values: ReadonlyMap<string, unknown> } {
  if (path === undefined) return { path: "the file", values: new Map() };
  const values = new Map<string, unknown>();
  collect(parse(path), [], values);
  const known = fields.map((field) => field.path.join("."));
  for (const key of values.keys()) {
    if (!known.includes(key))
      throw usage(`${key} in ${path} is not a setting of pawl: ${suggest(key, known)}.`);
  }
  return { path, values };
}

function parse(path: string): object {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw usage(
      `The configuration ${path} cannot be read (${reason}): give the path of a JSON file with --config.`,
    );
  }
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw usage(`The configuration ${path} is not JSON (${reason}): correct it there.`);
  }
  throw usage(`The configuration ${path} is not a JSON object: write {"port": 7295} and the like.`);
}

/** Groups are entered only where the table has one of that name, so that a stray object is named whole. */
function collect(group: object, path: readonly string[], values: Map<string, unknown>): void {
  for (const [key, value] of Object.entries(group)) {
    const here = [...path, key];
    const isGroup = fields.some(
      (field) => field.path.length > here.length && here.every((k, i) => field.path[i] === k),
    );
    if (isGroup && typeof value === "object" && value !== null) collect(value, here, values);
    else values.set(here.join("."), value);
  }
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  assign(target[key] as Record<string, unknown>, rest, value);
}

function suggest(name: string, known: readonly string[]): string {
  const near = closest(name, known);
  return near === undefined ? "see docs/configuration.md for all" : `did you mean ${near}`;
}

function usage(message: string): StartError {
  return new StartError(message, { failure: "usage" });
}
