/** The log of a process: lines of JSON for machines, or readable ones for people. */
import { type Logger as Pino, pino } from "pino";
import type { LogFields, Logger } from "../engine/logger.js";

/** How a log is written. */
export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly format: "json" | "pretty";
  /** Takes lines, each with its line end. Left out: standard error, so that standard output stays free for answers. */
  readonly write?: (line: string) => void;
}

/** A logger, also in the form of the library that writes it. */
export interface ServerLogger extends Logger {
  readonly pino: Pino;
}

/** Makes a logger. */
export function createLogger(options: LogOptions): ServerLogger {
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const lines = options.format === "json" ? { write } : { write: (line: string) => write(readable(line)) };
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
      serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
    },
    lines,
  );
  return fromPino(log);
}

function fromPino(log: Pino): ServerLogger {
  return {
    pino: log,
    debug: (message, fields: LogFields = {}) => log.debug(fields, message),
    info: (message, fields: LogFields = {}) => log.info(fields, message),
    warn: (message, fields: LogFields = {}) => log.warn(fields, message),
    error: (message, fields: LogFields = {}) => log.error(fields, message),
  };
}

/** Writes a line of JSON as `12:00:00.000 INFO  message field=value`, with the stack of an error below it. */
function readable(line: string): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice("2000-01-01T".length, -1);
  const words = [clock, String(level).toUpperCase().padEnd(5), String(message)];
  const stacks: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const stack = stackOf(value);
    if (stack === undefined) words.push(`${name}=${shown(value)}`);
    else stacks.push(`\n${stack}`);
  }
  return `${words.join(" ")}${stacks.join("")}\n`;
}

function stackOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("stack" in value)) return undefined;
  return String(value.stack);
}

function shown(value: unknown): string {
  return typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}
