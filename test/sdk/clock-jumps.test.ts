import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type WorkflowTask, WorkflowTaskSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { createUnaryClient, openConnection } from "../../src/sdk/connection.js";
import { PawlError } from "../../src/sdk/errors.js";
import { createBatcher } from "../../src/sdk/worker/batcher.js";
import { createLeases } from "../../src/sdk/worker/leases.js";
import { FakeRefusal, startFakeServer } from "./fake-server.js";
import { activityTask, cleanUps, collect, pollOf, start } from "./worker-harness.js";

const hourMs = 3_600_000;
const jumps = [
  ["ahead", hourMs],
  ["back", -hourMs],
] as const;

describe.each(jumps)("a clock that jumps an hour %s", (_, jumpMs) => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const jump = () => vi.setSystemTime(Date.now() + jumpMs);

  test("leaves leases renewed at a third of their length, by the server's times", async () => {
    const renewed: number[] = [];
    const leases = createLeases({
      defaultLeaseMs: () => 1,
      logger: { info() {}, warn() {} },
      async renew(tokens) {
        renewed.push(performance.now() - begunAt);
        return tokens.map(() => true);
      },
    });
    const begunAt = performance.now();
    leases.hold(taskOfSeconds(6));
    jump();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(renewed).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(renewed).toEqual([2_000, 4_000]);
    leases.stop();
  });

  test("leaves answers sent again for their time, no shorter and no longer", async () => {
    let sends = 0;
    const unreachable = new PawlError("not there", { code: Code.Unavailable, reason: "", metadata: {} });
    const batcher = createBatcher<string, string>({
      maxItems: 1,
      maxInFlight: 1,
      async send() {
        sends++;
        throw unreachable;
      },
    });
    const outcome = batcher.submit("a", 5_000).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10);
    expect(sends).toBe(1);
    jump();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(sends).toBeGreaterThan(3);
    await vi.advanceTimersByTimeAsync(3_000);
    const tries = sends;
    expect(await outcome).toBe(unreachable);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sends).toBe(tries);
  });
});

test.each(jumps)("a clock that jumps an hour %s leaves a call retried for its time", async (_, jumpMs) => {
  let calls = 0;
  const server = await startFakeServer({
    getWorkflow() {
      calls++;
      if (calls === 2) vi.setSystemTime(Date.now() + jumpMs);
      if (calls < 4) throw new FakeRefusal(14, "UNAVAILABLE");
      return {};
    },
  });
  const connection = openConnection({ address: server.address });
  cleanUps.push(
    () => vi.useRealTimers(),
    () => connection.close(),
    () => server.stop(),
  );
  vi.useFakeTimers({ toFake: ["Date"] });
  const rpc = createUnaryClient(connection, WorkflowService);
  await rpc.getWorkflow({ workflowId: "w" }, { retryForMs: 5_000 });
  expect(calls).toBe(4);
});

test.each(jumps)(
  "a worker whose clock is an hour %s knows how long an attempt may take",
  async (_, offMs) => {
    const now = Date.now();
    const ends = collect<string>();
    const begun = collect<number>();
    const startTime = timestampFromMs(now + offMs);
    const deadlineTime = timestampFromMs(now + offMs + 150);
    await start(
      { pollActivityTasks: pollOf([[activityTask("a", { startTime, deadlineTime })]]) },
      {
        activities: {
          work: (_input, { signal }) =>
            new Promise((_resolve, reject) => {
              begun.push(performance.now());
              signal.addEventListener("abort", () => {
                ends.push(String(signal.reason));
                reject(signal.reason);
              });
            }),
        },
      },
    );
    const [at = 0] = await begun.atLeast(1);
    expect(await ends.atLeast(1)).toEqual(["TimeoutFailure: attempt 1 of work took too long"]);
    expect(performance.now() - at).toBeGreaterThan(100);
  },
);

/** A task whose lease was given an hour ago by the worker's clock, for so many seconds by the server's. */
function taskOfSeconds(seconds: number): WorkflowTask {
  const startedAt = 1_000_000;
  return create(WorkflowTaskSchema, {
    taskToken: Buffer.from("t"),
    startTime: timestampFromMs(startedAt),
    deadlineTime: timestampFromMs(startedAt + seconds * 1_000),
  });
}
