import { expect, test } from "vitest";
import { createLogger, type LogOptions } from "../../src/server/logger.js";

function record(options: Omit<LogOptions, "write">) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ ...options, write: (line) => lines.push(line) }) };
}

test("writes lines of JSON for machines", () => {
  const { lines, logger } = record({ level: "info", format: "json" });
  logger.warn("a lease expired", { runId: "r" });
  logger.debug("not written");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "warn",
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    runId: "r",
    message: "a lease expired",
  });
});

test("writes readable lines for people, with the stack of an error", () => {
  const { lines, logger } = record({ level: "info", format: "pretty" });
  logger.info("listening", { address: "127.0.0.1:7295", because: "it was asked to" });
  logger.error("a call failed", { error: new Error("boom") });
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}listening address=127\.0\.0\.1:7295 because="it was asked to"\n$/,
  );
  expect(lines[1]).toMatch(/ERROR a call failed\nError: boom\n +at /);
});
