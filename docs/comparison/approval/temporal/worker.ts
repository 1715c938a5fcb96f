import { fileURLToPath } from "node:url";
import { Worker } from "@temporalio/worker";
import * as activities from "./activities.js";

const workflowsPath = fileURLToPath(new URL("./workflows.ts", import.meta.url));
const worker = await Worker.create({ workflowsPath, activities, taskQueue: "approval" });
await worker.run();
