import { expect, test } from "vitest";
import { createTestEnvironment } from "../../src/sdk/testing/index.js";
import { createReportActivities } from "./activities.js";
import { nightlyReport } from "./workflows.js";

const order = { regions: ["north", "south"], recipient: "board@example.com" };

function open() {
  const sent: string[] = [];
  const activities = createReportActivities((recipient, text) => sent.push(`${recipient} ${text}`));
  const startTime = "2026-03-02T02:00:00Z";
  return { sent, env: createTestEnvironment({ workflows: [nightlyReport], activities, startTime }) };
}

test("a report adds up the day before", async () => {
  const { env, sent } = open();
  expect(await env.execute(nightlyReport, order)).toMatchObject({ day: "2026-03-01", missing: [] });
  expect(sent).toEqual([expect.stringMatching(/^board@example.com 2026-03-01: \d+\.\d\d$/)]);
  await env.close();
});

test("a region that gives no numbers is named, and the others are reported", async () => {
  const { env, sent } = open();
  const { readSales } = createReportActivities(() => {});
  env.replaceActivity("readSales", async (input) => {
    if (input.region === "south") throw new Error("the line is down");
    return readSales(input);
  });
  expect(await env.execute(nightlyReport, order)).toMatchObject({ missing: ["south"] });
  expect(sent[0]).toContain("without south");
  expect(env.activityCalls.filter(({ type }) => type === "readSales")).toHaveLength(1 + 3);
  await env.close();
});
