import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestEnvironment, type TestEnvironment } from "../../src/sdk/testing/index.js";
import { createOrderActivities, type OrderActivities } from "./activities.js";
import { type Ledger, openLedger, readLedger } from "./ledger.js";
import { readOrders, type Shipment } from "./order.js";
import { orderWorkflow } from "./workflow.js";

const day = 86_400_000;
const shipment: Shipment = { carrier: "DHL", trackingNumber: "TR-1" };
const orders = readOrders();
const [order] = orders;
if (order === undefined) throw new Error("the example has orders");

let ledger: Ledger;
let env: TestEnvironment<OrderActivities>;

beforeEach(async () => {
  ledger = await openLedger(await mkdtemp(join(tmpdir(), "pawl-order-")));
  env = createTestEnvironment({ workflows: [orderWorkflow], activities: createOrderActivities(ledger) });
});
afterEach(async () => {
  await env.close();
  await rm(ledger.folder, { recursive: true });
});

test("an order that ships within its time is charged once, and completed", async () => {
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 3 * day });
  await env.sleep("2 days");
  await handle.signal("shipped", shipment);
  expect(await handle.result()).toMatchObject({ status: "completed", shipment });
  expect((await readLedger(ledger)).map(({ kind }) => kind)).toEqual(["charge"]);
  // The payment gateway hiccups twice.
  const charges = env.activityCalls.filter(({ type }) => type === "charge");
  expect(charges.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
});

test("an order that does not ship is refunded when its time is over", async () => {
  const begunAt = env.now().getTime();
  const result = await env.execute(orderWorkflow, { order, shipWithinMs: 3 * day });
  expect(result.status).toBe("refunded");
  expect(env.now().getTime() - begunAt).toBeGreaterThanOrEqual(3 * day);
  expect((await readLedger(ledger)).map(({ kind }) => kind).sort()).toEqual(["charge", "refund"]);
});

test("an order whose refund fails keeps its stock", async () => {
  env.replaceActivity("refund", () => Promise.reject(new Error("the bank is closed")));
  await expect(env.execute(orderWorkflow, { order, shipWithinMs: day })).rejects.toThrow(
    "the bank is closed",
  );
  expect(env.activityCalls.map(({ type }) => type)).not.toContain("releaseStock");
});

test("all orders of the example end as they shall", async () => {
  const handles = await Promise.all(
    orders.map(({ ships: _, ...rest }) => env.start(orderWorkflow, { order: rest, shipWithinMs: day })),
  );
  await env.sleep("1 hour");
  await Promise.all(
    orders.map(({ ships }, index) => (ships ? handles[index]?.signal("shipped", shipment) : undefined)),
  );
  const results = await Promise.all(handles.map((handle) => handle.result()));
  const shipped = results.filter(({ status }) => status === "completed");
  expect(shipped).toHaveLength(orders.filter(({ ships }) => ships).length);
  expect(results.every(({ status }, index) => (status === "completed") === orders[index]?.ships)).toBe(true);
});
