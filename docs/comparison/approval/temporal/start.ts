import { Client } from "@temporalio/client";
import { approval } from "./workflows.js";

console.log(
  await new Client().workflow.execute(approval, {
    args: ["expense 17"],
    taskQueue: "approval",
    workflowId: "expense-17",
  }),
);
