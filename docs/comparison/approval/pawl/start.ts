import { createClient } from "pawl";
import { approval } from "./workflows.js";

console.log(await createClient().execute(approval, "expense 17", { workflowId: "expense-17" }));
