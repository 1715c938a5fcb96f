import { runWorker } from "pawl";
import * as activities from "./activities.js";
import { hello } from "./workflows.js";

await runWorker({ workflows: [hello], activities });
