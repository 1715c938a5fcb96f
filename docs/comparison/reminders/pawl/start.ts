import { createClient } from "pawl";
import { reminders } from "./workflows.js";

console.log(await createClient().execute(reminders, "INV-7", { workflowId: "reminders-INV-7" }));
