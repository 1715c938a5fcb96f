/** The example's orders, as the tests with faults run them and judge what became of them. */
import { expect } from "vitest";
import { openLedger, readLedger } from "../../examples/order/ledger.js";
import { type ExampleOrder, readOrders } from "../../examples/order/order.js";
import { countOutcomes } from "../../examples/order/outcomes.js";
import { runShop } from "../../examples/order/shop.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { Client } from "../../src/sdk/client/index.js";

/** Long enough for a shipment that a fault delays, short enough to wait for. */
export const shipWithinMs = 9_000;

const shipped = 17;
const kept = 3;

/** A few of the orders, of which some never ship. */
export function fewOrders(): ExampleOrder[] {
  const orders = readOrders();
  return [
    ...orders.filter((order) => order.ships).slice(0, shipped),
    ...orders.filter((order) => !order.ships).slice(0, kept),
  ];
}

/** Takes the orders and resolves when all have ended. */
export function takeOrders(client: Client, idPrefix: string): Promise<void> {
  return runShop({ client, orders: fewOrders(), idPrefix, shipWithinMs, onFinished: () => undefined });
}

/** Expects that every order ended as it must and that each customer paid once. */
export async function expectAllRight(options: {
  client: Client;
  idPrefix: string;
  ledgerFolder: string;
}): Promise<void> {
  const { client, idPrefix } = options;
  expect(await countOutcomes(client, idPrefix)).toEqual({
    orders: shipped + kept,
    completed: shipped,
    refunded: kept,
    failed: 0,
  });
  for (const order of fewOrders()) await expectOneCharge(client, `${idPrefix}${order.id}`);
  await expectOneLineEach(options);
}

async function expectOneCharge(client: Client, workflowId: string): Promise<void> {
  const events: HistoryEvent[] = [];
  for await (const event of client.history(workflowId)) events.push(event);
  expect(events.map((event) => event.eventId)).toEqual(events.map((_, index) => index + 1));
  const charges = completedAttempts(events, "charge");
  expect(charges, `completed charges of ${workflowId}, by attempt`).toHaveLength(1);
  // The example lets the first two fail; a fault may cost more of the ten.
  expect(charges[0], `the attempt that charged ${workflowId}`).toBeGreaterThanOrEqual(3);
  expect(events.filter((event) => event.kind.case === "workflowCompleted")).toHaveLength(1);
}

/** The attempts with which the activities of a type were completed. */
function completedAttempts(events: readonly HistoryEvent[], activityType: string): number[] {
  const scheduled = new Set<number>();
  const attempts = new Map<number, number>();
  const completed: number[] = [];
  for (const { eventId, kind } of events) {
    if (kind.case === "activityScheduled" && kind.value.activityType === activityType) scheduled.add(eventId);
    if (kind.case === "activityStarted") attempts.set(eventId, kind.value.attempt);
    if (kind.case === "activityCompleted" && scheduled.has(kind.value.scheduledEventId))
      completed.push(attempts.get(kind.value.startedEventId) ?? 0);
  }
  return completed;
}

async function expectOneLineEach(options: { idPrefix: string; ledgerFolder: string; client: Client }) {
  const runIds = new Set<string>();
  for await (const { runId } of options.client.list({ workflowIdPrefix: options.idPrefix }))
    runIds.add(runId);
  const entries = await readLedger(await openLedger(options.ledgerFolder));
  const ours = entries.filter(({ key }) => [...runIds].some((runId) => key.includes(runId)));
  expect(new Set(ours.map((entry) => entry.key)).size).toBe(ours.length);
  const count = (kind: string) => ours.filter((entry) => entry.kind === kind).length;
  expect({ charges: count("charge"), refunds: count("refund") }).toEqual({
    charges: shipped + kept,
    refunds: kept,
  });
}
