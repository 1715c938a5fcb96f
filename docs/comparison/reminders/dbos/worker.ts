import { DBOS } from "@dbos-inc/dbos-sdk";

const isPaid = async (invoice: string) => invoice.endsWith("-paid");
const remind = async (invoice: string) => console.log(`Please pay ${invoice}.`);

async function remindersFunction(invoice: string) {
  const attempts = { retriesAllowed: true, timeoutMS: 10_000 };
  for (let week = 1; week <= 3; week++) {
    await DBOS.sleep(7 * 24 * 60 * 60 * 1000);
    if (await DBOS.runStep(() => isPaid(invoice), { name: "isPaid", ...attempts })) return "paid";
    await DBOS.runStep(() => remind(invoice), { name: "remind", ...attempts });
  }
  return "reminded in vain";
}
export const reminders = DBOS.registerWorkflow(remindersFunction, { name: "reminders" });

DBOS.setConfig({ name: "reminders" });
await DBOS.launch();
await DBOS.registerQueue("reminders");
