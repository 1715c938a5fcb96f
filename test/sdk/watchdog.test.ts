import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createMarks, markTurns } from "../../src/sdk/worker/thread/marks.js";
import { watchThread } from "../../src/sdk/worker/thread/watchdog.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const watch = (isBusy = true) => {
  const marks = createMarks();
  const held: number[] = [];
  const parts = {
    marks,
    limitMs: 1_000,
    isBusy: () => isBusy,
    ping: vi.fn(),
    onHeld: (task: number) => held.push(task),
  };
  const watchdog = watchThread(parts);
  return { marks, held, ping: parts.ping, watchdog };
};

test("a turn that lasts longer than the limit is held against its task", () => {
  const { marks, held } = watch();
  markTurns(marks, 7).begin();
  vi.advanceTimersByTime(1_000);
  expect(held).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(held).toEqual([7]);
});

test("many short turns of a task are not", () => {
  const { marks, held } = watch();
  for (let n = 0; n < 50; n++) {
    markTurns(marks, 7).begin();
    vi.advanceTimersByTime(190);
    markTurns(marks, 7).end();
  }
  expect(held).toEqual([]);
});

test("a thread that rests between turns is asked for a sign of life, and is lost if it gives none", () => {
  const { held, ping, watchdog } = watch();
  vi.advanceTimersByTime(800);
  expect(ping).toHaveBeenCalledTimes(1);
  watchdog.sawLife();
  vi.advanceTimersByTime(800);
  expect(held).toEqual([]);
  vi.advanceTimersByTime(600);
  expect(held).toEqual([0]);
});

test("a thread without tasks is left alone", () => {
  const { held, ping } = watch(false);
  vi.advanceTimersByTime(5_000);
  expect(held).toEqual([]);
  expect(ping).not.toHaveBeenCalled();
});
