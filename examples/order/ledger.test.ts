import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ActivityContext } from "../../src/sdk/worker/index.js";
import { createOrderActivities } from "./activities.js";
import { book, type Ledger, openLedger, readLedger } from "./ledger.js";
import { readOrders, totalCents } from "./order.js";

let ledger: Ledger;

beforeEach(async () => {
  ledger = await openLedger(await mkdtemp(join(tmpdir(), "pawl-ledger-")));
});
afterEach(() => rm(ledger.folder, { recursive: true }));

function attempt(number: number, idempotencyKey = "run-1:2"): ActivityContext {
  const info = { attempt: number, idempotencyKey } as ActivityContext["info"];
  return { info, signal: new AbortController().signal, heartbeat() {} };
}

describe("the orders", () => {
  test("are 100, of which 85 ship and 15 never do", () => {
    const orders = readOrders();
    expect(orders).toHaveLength(100);
    expect(orders.filter((order) => order.ships)).toHaveLength(85);
    expect(new Set(orders.map((order) => order.id)).size).toBe(100);
    expect(new Set(orders.map((order) => order.customer.email)).size).toBe(100);
  });

  test("all cost something", () => {
    for (const order of readOrders()) {
      expect(totalCents(order)).toBeGreaterThan(0);
      expect(order.items.every((item) => Number.isInteger(item.unitPriceCents) && item.quantity > 0)).toBe(
        true,
      );
    }
  });
});

describe("the ledger", () => {
  test("has one line a key, however many book it at once", async () => {
    const bookings = Array.from({ length: 20 }, (_, index) =>
      book(ledger, { key: "run-1:2", kind: "charge", id: `ch-${index}` }),
    );
    const booked = await Promise.all(bookings);
    expect(new Set(booked.map((entry) => entry.id)).size).toBe(1);
    await book(ledger, { key: "run-2:2", kind: "charge", id: "ch-other" });
    expect((await readLedger(ledger)).map((entry) => entry.key).sort()).toEqual(["run-1:2", "run-2:2"]);
  });

  test("leaves whole lines of JSON and nothing else", async () => {
    await book(ledger, { key: "run-1:2", kind: "charge", id: "ch-1" });
    const files = await readdir(ledger.folder);
    expect(files).toEqual(["run-1_2.json"]);
    const text = await readFile(join(ledger.folder, "run-1_2.json"), "utf8");
    expect(text).toBe('{"key":"run-1:2","kind":"charge","id":"ch-1"}\n');
  });
});

describe("a charge", () => {
  const request = { orderId: "001", amountCents: 500, currency: "EUR" };

  test("fails in its first two attempts and books nothing", async () => {
    const { charge } = createOrderActivities(ledger);
    await expect(charge(request, attempt(1))).rejects.toMatchObject({ type: "GatewayUnavailable" });
    await expect(charge(request, attempt(2))).rejects.toMatchObject({ type: "GatewayUnavailable" });
    expect(await readLedger(ledger)).toEqual([]);
  });

  test("that is tried again after it was booked is the same charge", async () => {
    const { charge } = createOrderActivities(ledger);
    const first = await charge(request, attempt(3));
    expect(await charge(request, attempt(4))).toEqual(first);
    expect(await readLedger(ledger)).toMatchObject([{ kind: "charge", amountCents: 500 }]);
  });
});
