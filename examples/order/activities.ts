/** What the workflow does to the world: each of these may be tried more than once. */
import { type ActivityContext, ApplicationFailure } from "../../src/sdk/worker/index.js";
import { book, type Ledger } from "./ledger.js";
import type { Address, Order, Shipment } from "./order.js";

/** What to charge. */
export interface ChargeRequest {
  readonly orderId: string;
  readonly amountCents: number;
  readonly currency: string;
}

/** Stock that is put aside. */
export interface Reservation {
  readonly reservationId: string;
  readonly skus: readonly string[];
}

export type OrderActivities = ReturnType<typeof createOrderActivities>;

/** How many attempts the payment gateway of the example lets fail. */
const gatewayHiccups = 2;

/** Makes the activities; charges and refunds are booked in the ledger. */
export function createOrderActivities(ledger: Ledger) {
  return {
    async reserveStock(order: Order): Promise<Reservation> {
      const skus = order.items.flatMap((item) => Array<string>(item.quantity).fill(item.sku));
      return { reservationId: `res-${order.id}`, skus };
    },

    async charge(request: ChargeRequest, { info }: ActivityContext): Promise<{ chargeId: string }> {
      if (info.attempt <= gatewayHiccups) {
        throw new ApplicationFailure(`the payment gateway did not answer (attempt ${info.attempt})`, {
          type: "GatewayUnavailable",
        });
      }
      // However often this is tried, the key stays the same, so the customer pays once.
      const key = info.idempotencyKey;
      const entry = await book(ledger, {
        key,
        kind: "charge",
        id: `ch-${request.orderId}-${key.slice(24, 36)}`,
        ...request,
      });
      return { chargeId: entry.id };
    },

    async refund(
      { chargeId }: { readonly chargeId: string },
      { info }: ActivityContext,
    ): Promise<{ refundId: string }> {
      const entry = await book(ledger, {
        key: info.idempotencyKey,
        kind: "refund",
        id: `re-${chargeId.slice(3)}`,
        chargeId,
      });
      return { refundId: entry.id };
    },

    async releaseStock(_reservation: Reservation): Promise<void> {},

    async remindWarehouse(_parcel: { readonly orderId: string; readonly address: Address }): Promise<void> {},

    async sendReceipt(receipt: {
      readonly order: Order;
      readonly chargeId: string;
      readonly shipment: Shipment;
    }): Promise<{ receiptId: string }> {
      return { receiptId: `rc-${receipt.order.id}-${receipt.shipment.trackingNumber}` };
    },
  };
}
