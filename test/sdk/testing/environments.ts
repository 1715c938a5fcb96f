/** Environments of tests, which are closed behind them. */
import { afterEach } from "vitest";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import {
  createTestEnvironment,
  type TestEnvironment,
  type TestEnvironmentOptions,
} from "../../../src/sdk/testing/index.js";
import type { ActivityImplementations } from "../../../src/sdk/workflow/index.js";

const opened: TestEnvironment<never>[] = [];

afterEach(async () => {
  for (const env of opened.splice(0)) await env.close();
});

/** The time at which environments begin. */
export const startTime = "2026-01-01T00:00:00.000Z";

/** Makes an environment, which must have nothing against the test when it is closed. */
export function open<A extends ActivityImplementations>(
  options: TestEnvironmentOptions<A>,
): TestEnvironment<A> {
  const env = createTestEnvironment({ startTime, ...options });
  opened.push(env as never);
  return env;
}

/** Makes an environment in which something goes wrong. */
export function openBroken<A extends ActivityImplementations>(
  options: TestEnvironmentOptions<A>,
): TestEnvironment<A> {
  return createTestEnvironment({ startTime, ...options });
}

/** The kinds of a history's events. */
export async function kindsOf(events: AsyncIterable<HistoryEvent>): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { kind } of events) kinds.push(kind.case ?? "");
  return kinds;
}
