/** Asks for an expense and decides on it: `npx tsx examples/approval/run.ts [--address 127.0.0.1:7295]`. */
import { runExample } from "../run-example.js";
import { createApprovalActivities } from "./activities.js";
import { approveExpense, decide } from "./workflows.js";

await runExample(
  {
    taskQueue: "approval",
    workflows: new URL("./workflows.js", import.meta.url),
    activities: createApprovalActivities((to, text) => console.log(`mail to ${to}: ${text}`)),
  },
  async (client, taskQueue) => {
    const expense = { employee: "Ada", approver: "Grace", deputy: "Linus", cents: 50_000 };
    const handle = await client.start(approveExpense, expense, { taskQueue });
    await handle.update(decide, { by: "Ada", isApproved: true }).catch((error) => console.log(error.message));
    await handle.update(decide, { by: "Grace", isApproved: true });
    console.log(`approved: ${(await handle.result()).isApproved}`);
  },
);
