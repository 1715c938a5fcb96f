import { createClient } from "pawl";
import { decide } from "./workflows.js";

await createClient().signal("expense-17", decide, { by: "Grace", isApproved: true });
