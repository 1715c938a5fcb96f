/** A saga: each step that is done leaves word of how it is undone, and a failure undoes them all, the last first. */
import { defineQuery, workflow } from "../../src/sdk/workflow/index.js";
import type { BookingActivities } from "./activities.js";

/** A trip that a customer wants. */
export interface Trip {
  readonly customer: string;
  readonly city: string;
  readonly nights: number;
}

/** How the booking of a trip ended. */
export type TripResult =
  | { readonly status: "booked"; readonly bookings: readonly string[] }
  | { readonly status: "given up"; readonly reason: string };

/** What is booked at this moment. */
export const bookings = defineQuery<readonly string[]>("bookings");

/** Books flight, hotel and car, or nothing. */
export const bookTrip = workflow("BookTrip", async (ctx, trip: Trip): Promise<TripResult> => {
  const { bookFlight, bookHotel, bookCar } = ctx.activities<BookingActivities>({
    startToCloseTimeout: "30s",
    retry: { maximumAttempts: 3, nonRetryableTypes: ["SoldOut"] },
  });
  // What has to be undone is undone, however long that takes.
  const { cancelBooking } = ctx.activities<BookingActivities>({
    retry: { maximumAttempts: 0, maximumInterval: "1h" },
  });
  const booked: string[] = [];
  ctx.onQuery(bookings, () => booked);

  try {
    for (const book of [bookFlight, bookHotel, bookCar]) booked.push(await book(trip));
    return { status: "booked", bookings: booked };
  } catch (error) {
    await ctx.shield(async () => {
      while (booked.length > 0) {
        await cancelBooking(booked.at(-1) ?? "");
        booked.pop();
      }
    });
    ctx.throwIfCancelled();
    return { status: "given up", reason: reasonOf(error) };
  }
});

/** The innermost message: that of the booking service. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}
