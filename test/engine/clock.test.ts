import { beforeEach, expect, test } from "vitest";
import { type Clock, openClock } from "../../src/engine/clock.js";

let steady: number;
let clock: Clock;

beforeEach(() => {
  steady = 0;
  clock = openClock(() => steady);
});

/** Asks the database, whose answer takes so long and says this time. */
function ask(took: number, database: number): void {
  const sentAt = steady;
  steady += took;
  clock.observe(sentAt, steady, database);
}

test("can't be read before it was observed", () => {
  expect(() => clock.earliest()).toThrow("before it was observed");
  expect(() => clock.latest()).toThrow("before it was observed");
});

test("knows the database's time within how long its answer took", () => {
  ask(1_000, 5_000_000);
  expect(clock.earliest()).toBeGreaterThanOrEqual(5_000_000 - 1);
  expect(clock.earliest()).toBeLessThanOrEqual(5_000_000);
  expect(clock.latest()).toBeGreaterThanOrEqual(5_001_000);
  expect(clock.latest()).toBeLessThanOrEqual(5_001_000 + 2);
});

test("is less and less sure of it: a ten-thousandth of what has passed", () => {
  ask(1_000, 5_000_000);
  steady += 10_000_000;
  expect(15_000_000 - clock.earliest()).toBeGreaterThanOrEqual(1_000);
  expect(15_000_000 - clock.earliest()).toBeLessThan(1_010);
  expect(clock.latest() - 15_001_000).toBeGreaterThanOrEqual(1_000);
  expect(clock.latest() - 15_001_000).toBeLessThan(1_010);
});

test("is narrowed by a quicker answer, and not widened by a slower one", () => {
  ask(50_000, 5_000_000);
  ask(1_000, 5_030_000);
  expect(clock.earliest()).toBeGreaterThan(5_029_900);
  ask(90_000, 5_040_000);
  steady += 50_000;
  expect(clock.latest() - clock.earliest()).toBeLessThan(1_100);
});

test("tells what comes later a later time, though a quicker answer narrows what it knows", () => {
  ask(50_000, 5_000_000);
  const before = [clock.latest(), clock.latest()];
  ask(1_000, 5_030_000);
  const after = [clock.latest(), clock.latest()];
  const times = [...before, ...after];
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  steady += 50_000;
  expect(clock.latest()).toBeLessThan(5_081_200);
});

test("takes the word of a database whose clock was set back", () => {
  ask(1_000, 3_605_000_000);
  expect(clock.latest()).toBeGreaterThan(3_605_000_000);
  ask(1_000, 5_000_000);
  expect(clock.earliest()).toBeLessThanOrEqual(5_000_000);
  expect(clock.latest()).toBeLessThanOrEqual(5_001_010);
});
