/** A shop that takes orders and a warehouse that ships most of them. */
import { setTimeout as wait } from "node:timers/promises";
import type { Client } from "../../src/sdk/client/index.js";
import type { ExampleOrder, OrderResult, Shipment } from "./order.js";
import { orderWorkflow, shipped } from "./workflow.js";

/** An order that has ended. */
export interface FinishedOrder {
  readonly order: ExampleOrder;
  readonly workflowId: string;
  /** Undefined: its workflow did not end with a result. */
  readonly result: OrderResult | undefined;
  readonly tookMs: number;
}

/** What the shop needs. */
export interface ShopParts {
  readonly client: Client;
  readonly orders: readonly ExampleOrder[];
  /** What the workflow ids of this run begin with. */
  readonly idPrefix: string;
  readonly shipWithinMs: number;
  onFinished(finished: FinishedOrder): void;
}

/** How far apart shipments leave the warehouse. */
const shipEveryMs = 15;

/** Starts all orders, ships those that ship, and resolves when all have ended. */
export async function runShop(parts: ShopParts): Promise<void> {
  await Promise.all(parts.orders.map((order, index) => runOrder(parts, order, index)));
}

async function runOrder(parts: ShopParts, exampleOrder: ExampleOrder, index: number): Promise<void> {
  const { client, idPrefix, shipWithinMs, onFinished } = parts;
  const { ships, ...order } = exampleOrder;
  const begunAt = Date.now();
  const workflowId = `${idPrefix}${order.id}`;
  const started = await client.start(
    orderWorkflow,
    { order, shipWithinMs },
    { workflowId, taskQueue: "orders" },
  );
  if (ships) {
    await wait(index * shipEveryMs);
    await started.signal(shipped, shipmentOf(index));
  }
  const result = await started.result().catch(() => undefined);
  onFinished({ order: exampleOrder, workflowId, result, tookMs: Date.now() - begunAt });
}

function shipmentOf(index: number): Shipment {
  const carriers = ["DHL", "UPS", "GLS", "DPD"] as const;
  return {
    carrier: carriers[index % carriers.length] ?? "DHL",
    trackingNumber: `TR-${(100_000 + index * 7_919) % 1_000_000}`,
  };
}
