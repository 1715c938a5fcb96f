import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { batchRows } from "../../src/store/batch-rows.js";
import { openShapes } from "../../src/store/batch-shapes.js";
import { advance, makeEvent, makeRun, startUnit, stepUnit } from "./support/runs.js";

const run = makeRun({ namespaceId: randomUUID() });
const start = batchRows([startUnit(run)]);
const step = batchRows([stepUnit(run, advance(run), [makeEvent(2)])]);
const silentStep = batchRows([stepUnit(run, advance(run))]);
const timedStep = batchRows([stepUnit(run, advance(run, { wakeupAt: 5 }), [makeEvent(2)])]);

const startTables = ["newPointers", "newRuns", "statusChanges", "history"];

test("makes a statement for the tables that batches have rows for, and keeps it", () => {
  const choose = openShapes("usual", { mostStatements: 9, timesAsked: 1 });
  const statement = choose(start);
  expect(statement.tables).toEqual(startTables);
  expect(choose(start)).toBe(statement);
  expect(choose(step).tables).toEqual(["changedRuns", "history"]);
  expect(choose(step).name).not.toBe(statement.name);
  expect(openShapes("usual", { mostStatements: 9, timesAsked: 1 })(start)).toEqual(statement);
  expect(statement.text).not.toContain("held_run");
  expect(choose(step).text).not.toContain("made_pointer");
});

test("writes all tables by one statement until others have been asked for often enough", () => {
  const choose = openShapes("usual", { mostStatements: 9, timesAsked: 3 });
  const full = choose(start);
  expect(full.tables).toHaveLength(Object.keys(start).length);
  expect(choose(step)).toBe(full);
  expect(choose(start)).toBe(full);
  expect(choose(start).tables).toEqual(startTables);
  expect(choose(step)).toBe(full);
});

test("takes the narrowest statement that is wide enough once there are as many as there may be", () => {
  const choose = openShapes("usual", { mostStatements: 3, timesAsked: 1 });
  const [timed, plain] = [choose(timedStep), choose(step)];
  expect(choose(silentStep)).toBe(plain);
  expect(choose(timedStep)).toBe(timed);
  expect(choose(start).tables).toHaveLength(Object.keys(start).length);
  expect(choose(batchRows([]))).toBe(plain);
});
