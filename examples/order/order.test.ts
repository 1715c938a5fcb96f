import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestEnvironment, sleep, type TestEnvironment } from "../../src/sdk/testing/index.js";
import { createOrderActivities, type OrderActivities } from "./activities.js";
import { type Ledger, openLedger, readLedger } from "./ledger.js";
import { readOrders, type Shipment } from "./order.js";
import { changeAddress, orderWorkflow, shipped, state } from "./workflow.js";

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

const typesCalled = () => env.activityCalls.map(({ type }) => type);

test("an order that ships within its time is charged once, and completed", async () => {
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 3 * day });
  await env.sleep("2 days");
  await handle.signal(shipped, shipment);
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

test("the warehouse is reminded when a quarter of its time is left, and may still ship", async () => {
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 4 * day });
  await env.sleep("3 days 1h");
  expect(typesCalled()).toContain("remindWarehouse");
  await env.sleep("22h");
  await handle.signal(shipped, shipment);
  expect(await handle.result()).toMatchObject({ status: "completed" });
});

test("a reminder that fails changes nothing about the end", async () => {
  const begunAt = env.now().getTime();
  env.replaceActivity("remindWarehouse", () => Promise.reject(new Error("nobody is in")));
  const result = await env.execute(orderWorkflow, { order, shipWithinMs: 4 * day });
  expect(result.status).toBe("refunded");
  expect(env.now().getTime() - begunAt).toBeLessThan(4 * day + 60_000);
});

test("the address may change until the order ships, within the country", async () => {
  const { country } = order.customer;
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 4 * day });
  await env.idle();
  await expect(handle.update(changeAddress, { city: "Elsewhere", country: "XX" })).rejects.toMatchObject({
    type: "OtherCountry",
  });
  await handle.update(changeAddress, { city: "Elsewhere", country });
  expect(await handle.query(state)).toMatchObject({ address: { city: "Elsewhere", country } });
  env.replaceActivity("sendReceipt", async () => {
    await sleep("3s");
    return { receiptId: "rc-1" };
  });
  await handle.signal(shipped, shipment);
  await env.sleep("1s");
  await expect(handle.update(changeAddress, { city: "Nowhere", country })).rejects.toMatchObject({
    type: "TooLate",
  });
  expect(await handle.result()).toMatchObject({ status: "completed", receiptId: "rc-1" });
});

test("an order that its customer cancels is refunded, its stock given back, and the run ends as cancelled", async () => {
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 3 * day });
  env.after("1 day", () => handle.cancel("found it cheaper"));
  await expect(handle.result()).rejects.toMatchObject({ status: "CANCELLED" });
  expect((await readLedger(ledger)).map(({ kind }) => kind).sort()).toEqual(["charge", "refund"]);
  expect(typesCalled().slice(-2)).toEqual(["refund", "releaseStock"]);
  expect(await handle.query(state)).toMatchObject({ status: "refunded" });
});

test("a customer who cancels while the card is charged gets the money back", async () => {
  env.replaceActivity("charge", async () => {
    await sleep("2s");
    return { chargeId: "ch-1" };
  });
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 3 * day });
  env.after("1s", () => handle.cancel());
  await expect(handle.result()).rejects.toMatchObject({ status: "CANCELLED" });
  expect((await readLedger(ledger)).map(({ kind }) => kind)).toEqual(["refund"]);
});

test("a customer who cancels once the order has shipped comes too late", async () => {
  env.replaceActivity("sendReceipt", async () => {
    await sleep("3s");
    return { receiptId: "rc-1" };
  });
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: 3 * day });
  await env.idle();
  await handle.signal(shipped, shipment);
  env.after("1s", () => handle.cancel());
  expect(await handle.result()).toMatchObject({ status: "completed" });
  expect(typesCalled()).not.toContain("refund");
});

test("an order that can't be charged fails, and its stock is given back", async () => {
  env.replaceActivity("charge", () => Promise.reject(new Error("the card is stolen")));
  await expect(env.execute(orderWorkflow, { order, shipWithinMs: day })).rejects.toThrow(
    "the card is stolen",
  );
  expect(typesCalled().filter((type) => type === "charge")).toHaveLength(10);
  expect(typesCalled().at(-1)).toBe("releaseStock");
});

test("orders are found by customer and status", async () => {
  const handle = await env.start(orderWorkflow, { order, shipWithinMs: day });
  await env.sleep("1h");
  const { workflow } = await env.client.describe(handle.workflowId);
  expect(workflow?.searchAttributes).toMatchObject({
    customer: { value: { case: "keyword", value: order.customer.email } },
    status: { value: { case: "keyword", value: "charged" } },
  });
});

test("an order whose refund fails keeps its stock", async () => {
  env.replaceActivity("refund", () => Promise.reject(new Error("the bank is closed")));
  await expect(env.execute(orderWorkflow, { order, shipWithinMs: day })).rejects.toThrow(
    "the bank is closed",
  );
  expect(typesCalled()).not.toContain("releaseStock");
});

test("all orders of the example end as they shall", async () => {
  const handles = await Promise.all(
    orders.map(({ ships: _, ...rest }) => env.start(orderWorkflow, { order: rest, shipWithinMs: day })),
  );
  await env.sleep("1 hour");
  await Promise.all(
    orders.map(({ ships }, index) => (ships ? handles[index]?.signal(shipped, shipment) : undefined)),
  );
  const results = await Promise.all(handles.map((handle) => handle.result()));
  const completed = results.filter(({ status }) => status === "completed");
  expect(completed).toHaveLength(orders.filter(({ ships }) => ships).length);
  expect(results.every(({ status }, index) => (status === "completed") === orders[index]?.ships)).toBe(true);
});
