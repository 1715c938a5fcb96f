/** The fulfilment of an order, as one function that survives whatever happens to the processes that run it. */
import { workflow } from "../../src/sdk/workflow/index.js";
import type { OrderActivities } from "./activities.js";
import { type OrderInput, type OrderResult, type Shipment, totalCents } from "./order.js";

export const orderWorkflow = workflow(
  "OrderWorkflow",
  async (ctx, input: OrderInput): Promise<OrderResult> => {
    const { order } = input;
    const { reserveStock, releaseStock, sendReceipt } = ctx.activities<OrderActivities>({
      startToCloseTimeout: "5s",
    });
    const { charge, refund } = ctx.activities<OrderActivities>({
      startToCloseTimeout: "5s",
      // The payment gateway is known to hiccup: try often, and soon.
      retry: { maximumAttempts: 10, initialInterval: "50ms", maximumInterval: "1s" },
    });

    const reservation = await reserveStock(order);
    const { chargeId } = await charge({
      orderId: order.id,
      amountCents: totalCents(order),
      currency: order.currency,
    });

    const shipment = await ctx.waitForSignal<Shipment>("shipped", { timeout: input.shipWithinMs });
    if (shipment === undefined) {
      const { refundId } = await refund({ chargeId });
      await releaseStock(reservation);
      return { status: "refunded", chargeId, refundId };
    }
    const { receiptId } = await sendReceipt({ order, chargeId, shipment });
    return { status: "completed", chargeId, shipment, receiptId };
  },
);
