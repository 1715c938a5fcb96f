/** Schedules the report for every night at two, and asks for the nights since Monday at once: `npx tsx examples/report/run.ts [--address 127.0.0.1:7295]`. */
import { ScheduleAlreadyExistsError } from "../../src/sdk/client/index.js";
import { runExample } from "../run-example.js";
import { createReportActivities } from "./activities.js";
import { nightlyReport } from "./workflows.js";

const nights = 3;
let delivered = () => {};
const all = new Promise<void>((resolve) => {
  let left = nights;
  delivered = () => {
    if (--left === 0) resolve();
  };
});

await runExample(
  {
    taskQueue: "report",
    workflows: new URL("./workflows.js", import.meta.url),
    activities: createReportActivities((recipient, text) => {
      console.log(`to ${recipient}: ${text}`);
      delivered();
    }),
  },
  async ({ schedules }, taskQueue) => {
    await schedules
      .create("nightly-report", {
        spec: { cron: "0 2 * * *", timeZone: "Europe/Berlin" },
        action: {
          workflow: nightlyReport,
          input: { regions: ["north", "south"], recipient: "board@example.com" },
          taskQueue,
        },
      })
      .catch((error) => {
        if (!(error instanceof ScheduleAlreadyExistsError)) throw error;
      });
    const { nextFires } = await schedules.get("nightly-report");
    console.log(`the next report comes at ${nextFires[0]?.toISOString()}`);
    const from = new Date("2026-03-02T00:00:00Z");
    const to = new Date(from.getTime() + nights * 86_400_000);
    await schedules.backfill("nightly-report", { from, to });
    await all;
  },
);
