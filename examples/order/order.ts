/** What an order is. */
import { readFileSync } from "node:fs";

/** Something that was ordered. */
export interface OrderItem {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

/** Where an order is sent. */
export interface Address {
  readonly city: string;
  readonly country: string;
}

/** An order, as the shop took it. */
export interface Order {
  readonly id: string;
  readonly customer: Address & { readonly name: string; readonly email: string };
  readonly items: readonly OrderItem[];
  readonly currency: string;
}

/** An order of the example, and whether the warehouse ever ships it. */
export interface ExampleOrder extends Order {
  readonly ships: boolean;
}

/** What a workflow is started with. */
export interface OrderInput {
  readonly order: Order;
  /** How long the warehouse has before the customer gets the money back. */
  readonly shipWithinMs: number;
}

/** What the warehouse says when it ships. */
export interface Shipment {
  readonly carrier: string;
  readonly trackingNumber: string;
}

/** Where an order stands. */
export interface OrderState {
  readonly status: "new" | "charged" | "shipped" | "completed" | "refunded";
  readonly address: Address;
}

/** How an order ended. */
export type OrderResult =
  | {
      readonly status: "completed";
      readonly chargeId: string;
      readonly shipment: Shipment;
      readonly receiptId: string;
    }
  | { readonly status: "refunded"; readonly chargeId: string; readonly refundId: string };

/** The price of an order. */
export function totalCents(order: Order): number {
  return order.items.reduce((total, item) => total + item.quantity * item.unitPriceCents, 0);
}

/** The orders of the example. */
export function readOrders(): ExampleOrder[] {
  return JSON.parse(readFileSync(new URL("./orders.json", import.meta.url), "utf8"));
}
