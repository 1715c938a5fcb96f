/** A report that a schedule asks for every night. */
import { workflow } from "../../src/sdk/workflow/index.js";
import type { ReportActivities } from "./activities.js";

/** Whom the report is for, and what of. */
export interface ReportOrder {
  readonly regions: readonly string[];
  readonly recipient: string;
}

/** What a report came to; the next one compares itself with it. */
export interface Report {
  readonly day: string;
  readonly cents: number;
  /** The change against the report before, in percent; undefined for the first. */
  readonly change: number | undefined;
  /** Regions whose numbers could not be had. */
  readonly missing: readonly string[];
}

/** Adds up the day before the one that the schedule fired for, and sends the report. */
export const nightlyReport = workflow("NightlyReport", async (ctx, order: ReportOrder): Promise<Report> => {
  const { readSales, send } = ctx.activities<ReportActivities>({ startToCloseTimeout: "5m" });
  // The time that it fired for, not the time at which it got to run: a late report is still that of its day.
  const firedFor = ctx.info.scheduledTime ?? ctx.now();
  const day = new Date(firedFor.getTime() - 86_400_000).toISOString().slice(0, 10);

  const sales = await Promise.allSettled(order.regions.map((region) => readSales({ region, day })));
  const cents = sales.reduce((sum, sale) => sum + (sale.status === "fulfilled" ? sale.value : 0), 0);
  const missing = order.regions.filter((_, index) => sales[index]?.status === "rejected");

  const before = ctx.info.lastResult as Report | undefined;
  const change = before && Math.round((cents / before.cents - 1) * 100);
  const report = { day, cents, change, missing };
  await send({ recipient: order.recipient, report });
  return report;
});
