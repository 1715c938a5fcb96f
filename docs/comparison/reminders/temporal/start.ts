import { Client } from "@temporalio/client";
import { reminders } from "./workflows.js";

console.log(
  await new Client().workflow.execute(reminders, {
    args: ["INV-7"],
    taskQueue: "reminders",
    workflowId: "reminders-INV-7",
  }),
);
