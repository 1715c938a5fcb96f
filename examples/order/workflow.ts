/** The fulfilment of an order, as one function that survives whatever happens to the processes that run it. */
import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  workflow,
} from "../../src/sdk/workflow/index.js";
import type { OrderActivities } from "./activities.js";
import {
  type Address,
  type OrderInput,
  type OrderResult,
  type OrderState,
  type Shipment,
  totalCents,
} from "./order.js";

/** Says that the warehouse has shipped it. */
export const shipped = defineSignal<Shipment>("shipped");
/** Asks where it stands. */
export const state = defineQuery<OrderState>("state");
/** Has it sent somewhere else in the country, as long as it has not shipped. */
export const changeAddress = defineUpdate<OrderState, Address>("changeAddress");

/** The part of its time after which the warehouse is reminded. */
const remindAfter = 3 / 4;

/**
 * Reserves, charges, and waits for the warehouse. What does not ship in time is refunded; so is what the customer cancels before it ships, and the run ends as
 * cancelled.
 */
export const orderWorkflow = workflow(
  "OrderWorkflow",
  async (ctx, { order, shipWithinMs }: OrderInput): Promise<OrderResult> => {
    const { reserveStock, releaseStock, remindWarehouse, sendReceipt } = ctx.activities<OrderActivities>({
      startToCloseTimeout: "5s",
    });
    const { charge, refund } = ctx.activities<OrderActivities>({
      startToCloseTimeout: "5s",
      // The payment gateway is known to hiccup: try often, and soon.
      retry: { maximumAttempts: 10, initialInterval: "50ms", maximumInterval: "1s" },
    });

    let { status, address }: OrderState = { status: "new", address: addressOf(order.customer) };
    ctx.upsertSearchAttributes({ customer: order.customer.email, status });
    function enter(next: OrderState["status"]): void {
      status = next;
      ctx.upsertSearchAttributes({ status });
    }

    ctx.onQuery(state, () => ({ status, address }));
    ctx.onUpdate(
      changeAddress,
      (changed) => {
        address = changed;
        return { status, address };
      },
      {
        validate({ country }) {
          if (status !== "new" && status !== "charged")
            throw new ApplicationFailure(`the order is ${status}`, { type: "TooLate" });
          if (country !== address.country)
            throw new ApplicationFailure(`taxes were paid in ${address.country}`, { type: "OtherCountry" });
        },
      },
    );

    /** Undefined: it did not ship in time. */
    async function shipment(): Promise<Shipment | undefined> {
      const endsAt = Number(ctx.now()) + shipWithinMs;
      const early = await ctx.waitForSignal(shipped, { timeout: shipWithinMs * remindAfter });
      if (early !== undefined) return early;
      // A reminder that does not reach the warehouse is no reason to give the order up.
      await remindWarehouse({ orderId: order.id, address }).catch(() => ctx.throwIfCancelled());
      return ctx.waitForSignal(shipped, { timeout: Math.max(0, endsAt - Number(ctx.now())) });
    }

    const reservation = await ctx.shield(() => reserveStock(order));
    // Shielded: however the customer cancels, it is known whether there is something to refund.
    const charging = ctx.shield(() =>
      charge({ orderId: order.id, amountCents: totalCents(order), currency: order.currency }),
    );
    const { chargeId } = await charging.catch(async (error: unknown) => {
      await releaseStock(reservation);
      throw error;
    });
    enter("charged");

    async function giveBack(): Promise<string> {
      const { refundId } = await refund({ chargeId });
      await releaseStock(reservation);
      enter("refunded");
      return refundId;
    }

    const sent = await shipment().catch(async (error: unknown) => {
      // Nothing special for clean-up: the request to cancel rejected one wait, and touches no later one.
      await giveBack();
      throw error;
    });
    if (sent === undefined) return { status: "refunded", chargeId, refundId: await giveBack() };
    enter("shipped");
    // Who cancels now comes too late.
    const { receiptId } = await ctx.shield(() => sendReceipt({ order, chargeId, shipment: sent }));
    enter("completed");
    return { status: "completed", chargeId, shipment: sent, receiptId };
  },
);

function addressOf({ city, country }: Address): Address {
  return { city, country };
}
