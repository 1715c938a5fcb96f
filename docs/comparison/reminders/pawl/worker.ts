import { runWorker } from "pawl";
import * as activities from "./activities.js";
import { reminders } from "./workflows.js";

await runWorker({ workflows: [reminders], activities });
