import { defaultLimits } from "../../core/limits.js";
import { bytes, choice, type Definition, milliseconds, onOff, text, whole } from "./kinds.js";

const mebibyte = 1024 * 1024;

/**
 * Every setting of the server, once. Flags, variables, the file's keys, the documentation and the type of the
 * configuration all come from here.
 */
export const definitions = {
  host: text({
    default: "127.0.0.1",
    placeholder: "address",
    about:
      "The address to listen on. Whoever can reach it may do everything, so beyond loopback a proxy has to guard it.",
  }),
  port: whole({ default: 7295, min: 0, max: 65_535, about: "The port to listen on; 0 takes a free one." }),
  databaseUrl: text({
    default: undefined,
    placeholder: "url",
    about: "The Postgres (15 to 18) to keep everything in. Unset, the server runs an embedded one.",
  }),
  dataDir: text({
    default: "./.pawl",
    placeholder: "folder",
    about: "The folder of the embedded Postgres. Servers that are given the same folder share its Postgres.",
  }),
  logLevel: choice({
    default: "info",
    of: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    about: "The least severe log lines to write.",
  }),
  logFormat: choice({
    default: "pretty",
    of: ["json", "pretty"],
    about: "Log lines for machines (json) or for people (pretty).",
  }),
  shutdownGraceMs: milliseconds({
    default: 10_000,
    min: 0,
    about: "How long a stopping server waits for calls that are under way.",
  }),
  writeConnections: whole({
    default: 4,
    min: 1,
    max: 100,
    about: "Connections that write, of which batches in flight use one each.",
  }),
  batchesInFlight: whole({
    default: 2,
    min: 1,
    max: 16,
    about: "Batches that are written at the same time; not more than there are connections that write.",
  }),
  maxBatchOperations: whole({ default: 400, min: 1, max: 10_000, about: "Operations in one batch." }),
  maxWaitingOperations: whole({
    default: 10_000,
    min: 1,
    about: "Operations that may wait to be written. Beyond it calls are refused with RESOURCE_EXHAUSTED.",
  }),
  cacheBytes: bytes({
    default: 256 * mebibyte,
    min: 0,
    about: "Memory for the states of runs, estimated; 0 keeps none.",
  }),
  slowPollMs: milliseconds({
    default: 5_000,
    min: 0,
    about:
      "How often queues with waiting workers are looked at for tasks that nobody announced; 0 turns it off.",
  }),
  rereadMs: milliseconds({
    default: 5_000,
    min: 0,
    about:
      "How often everything that calls wait for is read again in case an announcement was lost; 0 turns it off.",
  }),
  allowUnsafeFsync: onOff({
    about:
      "Accept a Postgres with fsync off, which loses what was acknowledged when its machine crashes. For tests only.",
  }),
  limits: {
    maxRequestBytes: bytes({ default: 4 * mebibyte, min: 1024, max: 1024 * mebibyte, about: "A request." }),
    maxPayloadBytes: bytes({ default: defaultLimits.maxPayloadBytes, min: 1, about: "A payload." }),
    maxEventBytes: bytes({ default: defaultLimits.maxEventBytes, min: 1, about: "A history event." }),
    maxDetailsBytes: bytes({
      default: defaultLimits.maxDetailsBytes,
      min: 1,
      about: "Details of a heartbeat, and a failure. A longer failure is cut and says so.",
    }),
    maxIdBytes: whole({ default: 256, min: 1, max: 2_000, about: "Bytes of an id or a name." }),
    maxHistoryEvents: whole({
      default: defaultLimits.maxHistoryEvents,
      min: 10,
      about: "Events of a run, which is terminated there.",
    }),
    maxHistoryBytes: bytes({
      default: defaultLimits.maxHistoryBytes,
      min: 1024,
      about: "Size of a run's history, which is terminated there.",
    }),
    warnHistoryEvents: whole({
      default: defaultLimits.warnHistoryEvents,
      min: 1,
      about: "Events from which on a run is advised to continue as new.",
    }),
    warnHistoryBytes: bytes({
      default: defaultLimits.warnHistoryBytes,
      min: 1,
      about: "Size of the history from which on a run is advised to continue as new.",
    }),
    maxPendingPerKind: whole({
      default: defaultLimits.maxPendingPerKind,
      min: 1,
      about:
        "What a run may have pending of each kind: activities, timers, children, external requests, updates.",
    }),
    workflowTaskTimeoutMs: milliseconds({
      default: defaultLimits.workflowTaskTimeoutMs,
      min: 100,
      about: "Time for a workflow task, where the start of the run does not say otherwise.",
    }),
  },
};

/** Everything that the server can be told, read once at its start. */
export type Config = Values<typeof definitions>;

type Values<T> = {
  readonly [Key in keyof T]: T[Key] extends Definition<infer Value> ? Value : Values<T[Key]>;
};

/** A setting with the names under which it can be given. */
export interface Field {
  /** Its keys in the configuration and in the file, from the outside in. */
  readonly path: readonly string[];
  readonly flag: string;
  readonly variable: string;
  readonly definition: Definition<unknown>;
}

/** All settings, in the order of their definition. */
export const fields: readonly Field[] = listFields(definitions, []);

function listFields(group: object, path: readonly string[]): Field[] {
  return Object.entries(group).flatMap(([key, value]: [string, object]) => {
    if (!isDefinition(value)) return listFields(value, [...path, key]);
    const words = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = `PAWL_${words.replaceAll("-", "_").toUpperCase()}`;
    return [{ path: [...path, key], flag: `--${words}`, variable, definition: value }];
  });
}

function isDefinition(value: object): value is Definition<unknown> {
  return "read" in value;
}
