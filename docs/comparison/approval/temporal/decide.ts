import { Client } from "@temporalio/client";
import { decide } from "./workflows.js";

await new Client().workflow.getHandle("expense-17").signal(decide, { by: "Grace", isApproved: true });
