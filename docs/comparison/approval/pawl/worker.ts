import { runWorker } from "pawl";
import * as activities from "./activities.js";

await runWorker({ workflows: new URL("./workflows.js", import.meta.url), activities });
