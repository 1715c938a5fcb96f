import { expect, test } from "vitest";
import { createExecution } from "../../src/sdk/replay/execution.js";
import { splitTurns } from "../../src/sdk/replay/turns.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { startFakeRun } from "./fake-run.js";

test("what code says is heard once: when it runs, not when it is replayed", async () => {
  const definition = workflow("W", async (ctx) => {
    ctx.log.info("begins", { n: 1 });
    await ctx.sleep(5);
    ctx.log.warn("goes on");
    await ctx.sleep(5);
  });
  const heard: unknown[] = [];
  const hear = (level: string) => (message: string, fields?: object) =>
    void heard.push([level, message, fields]);
  const logger = { debug: hear("debug"), info: hear("info"), warn: hear("warn"), error: hear("error") };
  const run = startFakeRun(definition);
  run.startTask();
  await createExecution(definition, { logger }).advance(splitTurns(run.events, 0));
  const of = { workflowType: "W", workflowId: "fake", runId: "run-1" };
  expect(heard.splice(0)).toEqual([["info", "begins", { ...of, n: 1 }]]);
  await run.completeTask();
  run.fire(1);
  run.startTask();
  await createExecution(definition, { logger }).advance(splitTurns(run.events, 0));
  expect(heard).toEqual([["warn", "goes on", of]]);
});
