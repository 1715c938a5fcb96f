import { Client } from "@temporalio/client";
import { hello } from "./workflows.js";

console.log(
  await new Client().workflow.execute(hello, { args: ["Ada"], taskQueue: "hello", workflowId: "hello-1" }),
);
