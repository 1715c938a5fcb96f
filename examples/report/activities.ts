/** The shop's books, as far as the example needs them. */
import type { Report } from "./workflows.js";

export type ReportActivities = ReturnType<typeof createReportActivities>;

/** Makes the activities; reports go where the function puts them. */
export function createReportActivities(deliver: (recipient: string, text: string) => void) {
  return {
    /** The sales of a day: the same whenever it is asked. */
    async readSales({ region, day }: { readonly region: string; readonly day: string }): Promise<number> {
      return [...`${region} ${day}`].reduce((sum, letter) => sum + letter.charCodeAt(0) * 100, 0);
    },
    async send({
      recipient,
      report,
    }: {
      readonly recipient: string;
      readonly report: Report;
    }): Promise<void> {
      const change =
        report.change === undefined ? "" : ` (${report.change >= 0 ? "+" : ""}${report.change} %)`;
      const missing = report.missing.length === 0 ? "" : `, without ${report.missing.join(", ")}`;
      deliver(recipient, `${report.day}: ${(report.cents / 100).toFixed(2)}${change}${missing}`);
    },
  };
}
