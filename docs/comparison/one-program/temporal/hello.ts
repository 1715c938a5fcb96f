import { fileURLToPath } from "node:url";
import { Client } from "@temporalio/client";
import { Worker } from "@temporalio/worker";
import * as activities from "./activities.js";
import { hello } from "./workflows.js";

const workflowsPath = fileURLToPath(new URL("./workflows.ts", import.meta.url));
const worker = await Worker.create({ workflowsPath, activities, taskQueue: "hello" });
const options = { args: ["Ada"] as [string], taskQueue: "hello", workflowId: "hello-1" };
console.log(await worker.runUntil(new Client().workflow.execute(hello, options)));
