import { runWorker } from "pawl";
import * as activities from "./activities.js";
import { approval } from "./workflows.js";

await runWorker({ workflows: [approval], activities });
