/** What became of the orders, asked of the server. */
import { type Client, WorkflowFailedError } from "../../src/sdk/client/index.js";
import type { OrderResult } from "./order.js";

/** How many orders ended how. */
export interface Outcomes {
  readonly orders: number;
  readonly completed: number;
  readonly refunded: number;
  readonly failed: number;
}

/** Lists the workflows whose ids begin so, and reads the result of each. */
export async function countOutcomes(client: Client, idPrefix: string): Promise<Outcomes> {
  const ids: string[] = [];
  for await (const workflow of client.list({ workflowIdPrefix: idPrefix })) ids.push(workflow.workflowId);
  const statuses = await Promise.all(ids.map((id) => readStatus(client, id)));
  const count = (status: string) => statuses.filter((other) => other === status).length;
  return {
    orders: ids.length,
    completed: count("completed"),
    refunded: count("refunded"),
    failed: count("failed"),
  };
}

async function readStatus(client: Client, workflowId: string): Promise<OrderResult["status"] | "failed"> {
  try {
    return (await client.result<OrderResult>(workflowId)).status;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return "failed";
    throw error;
  }
}
