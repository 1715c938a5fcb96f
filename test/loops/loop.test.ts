import { afterEach, expect, test, vi } from "vitest";
import { startLoop } from "../../src/loops/loop.js";

afterEach(() => void vi.useRealTimers());

/** A pass that the test ends. */
function heldPasses() {
  const begun: (() => void)[] = [];
  const ends: ((answer: number | Error) => void)[] = [];
  return {
    pass: () =>
      new Promise<number>((resolve, reject) => {
        ends.push((answer) => (typeof answer === "number" ? resolve(answer) : reject(answer)));
        for (const call of begun.splice(0)) call();
      }),
    next: () => new Promise<void>((resolve) => void begun.push(resolve)),
    end: (answer: number | Error) => ends.shift()?.(answer),
  };
}

test("goes on after a pass that failed, and tells of it", async () => {
  const passes = heldPasses();
  const failures: unknown[] = [];
  const loop = startLoop({ ...passes, everyMs: 1, failed: (error) => failures.push(error) });
  const next = passes.next();
  passes.end(new Error("broken"));
  await next;
  expect(failures).toHaveLength(1);
  passes.end(60_000);
  await loop.stop();
});

test("makes a pass at once when it is woken, even during one", async () => {
  const passes = heldPasses();
  const loop = startLoop({ ...passes, everyMs: 60_000, failed: () => undefined });
  loop.wake();
  const second = passes.next();
  passes.end(60_000);
  await second;
  passes.end(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  const third = passes.next();
  loop.wake();
  await third;
  passes.end(60_000);
  await loop.stop();
});

test("pauses after a pass that has more to do, unless it is woken", async () => {
  vi.useFakeTimers();
  const passes = heldPasses();
  const loop = startLoop({ ...passes, everyMs: 1, pauseMs: 50, failed: () => undefined });
  let begun = 1;
  const count = () => void begun++;
  void passes.next().then(count);
  passes.end(0);
  await vi.advanceTimersByTimeAsync(49);
  expect(begun).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toBe(2);
  void passes.next().then(count);
  loop.wake();
  passes.end(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toBe(3);
  passes.end(0);
  await loop.stop();
});

test("ends the pass in hand before it is stopped, and may be stopped twice", async () => {
  const passes = heldPasses();
  const loop = startLoop({ ...passes, everyMs: 1, failed: () => undefined });
  let isStopped = false;
  const stopping = Promise.all([loop.stop(), loop.stop()]).then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  passes.end(0);
  await stopping;
});

test("that is gentle rests for as long as its pass took, even if it is woken, and stops at once", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  let passes = 0;
  const takeMs = 300;
  const pass = async () => {
    passes++;
    await new Promise((resolve) => setTimeout(resolve, takeMs));
    return 0;
  };
  const loop = startLoop({ pass, everyMs: 60_000, isGentle: true, failed: () => undefined });
  await vi.advanceTimersByTimeAsync(takeMs);
  for (const restMs of [0, takeMs - 1]) {
    await vi.advanceTimersByTimeAsync(restMs);
    loop.wake();
  }
  expect(passes).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(passes).toBe(2);
  await vi.advanceTimersByTimeAsync(takeMs);
  await loop.stop();
  expect(passes).toBe(2);
});
