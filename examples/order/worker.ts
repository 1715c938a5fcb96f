/** A worker for orders: `npx tsx examples/order/worker.ts [--address 127.0.0.1:7295] [--ledger ./.pawl-ledger]`. */
import { parseArgs } from "node:util";
import { runWorker } from "../../src/sdk/worker/index.js";
import { createOrderActivities } from "./activities.js";
import { openLedger } from "./ledger.js";

const { values } = parseArgs({
  options: {
    address: { type: "string", default: "127.0.0.1:7295" },
    ledger: { type: "string", default: ".pawl-ledger" },
  },
});

await runWorker({
  address: values.address,
  taskQueue: "orders",
  workflows: new URL("./workflow.js", import.meta.url),
  activities: createOrderActivities(await openLedger(values.ledger)),
});
