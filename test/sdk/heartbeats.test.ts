import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { createHeartbeats, type HeartbeatAnswer } from "../../src/sdk/worker/heartbeats.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const detailsOf = (n: number) => create(PayloadSchema, { body: { case: "json", value: String(n) } });

/** Heartbeats of which at most one a second is sent. */
function beating(answers: readonly (HeartbeatAnswer | Error)[] = []) {
  const left = [...answers];
  const sent: unknown[] = [];
  const heard: HeartbeatAnswer[] = [];
  const heartbeats = createHeartbeats({
    intervalMs: 1_000,
    async send(details) {
      sent.push(details?.body.value);
      const answer = left.shift() ?? "go-on";
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onAnswer: (answer) => heard.push(answer),
  });
  return { heartbeats, sent, heard };
}

test("code may beat as often as it likes: one an interval is sent, with the newest details", async () => {
  const { heartbeats, sent } = beating();
  for (let n = 1; n <= 250; n++) {
    heartbeats.beat(detailsOf(n));
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(sent[0]).toBe("1");
  // The beat of the very end of an interval may fall to either side.
  for (const [index, newest] of [100, 200].entries())
    expect(Math.abs(Number(sent[index + 1]) - newest)).toBeLessThan(2);
  expect(sent).toHaveLength(3);
});

test("without new beats nothing is sent", async () => {
  const { heartbeats, sent } = beating();
  heartbeats.beat(detailsOf(1));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toEqual(["1"]);
});

test("details that were not sent, or not delivered, are what stopping gives", async () => {
  const { heartbeats } = beating([new Error("not there")]);
  heartbeats.beat(detailsOf(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(heartbeats.stop()).toEqual(detailsOf(1));
  const other = beating().heartbeats;
  other.beat(detailsOf(1));
  other.beat(detailsOf(2));
  expect(other.stop()).toEqual(detailsOf(2));
});

test("details are what stopping gives until their arrival is heard of, as a failure may overtake them", async () => {
  const { heartbeats } = beating();
  heartbeats.beat(detailsOf(1));
  expect(heartbeats.stop()).toEqual(detailsOf(1));
  const other = beating().heartbeats;
  other.beat(detailsOf(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(other.stop()).toBeUndefined();
});

test("nothing is heard once they have stopped", async () => {
  const { heartbeats, heard } = beating(["cancel"]);
  heartbeats.beat(undefined);
  heartbeats.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(heard).toEqual([]);
});
