/** The booking services of the example: a city that is called Atlantis has no cars. */
import { type ActivityContext, ApplicationFailure } from "../../src/sdk/worker/index.js";
import type { Trip } from "./workflows.js";

export type BookingActivities = typeof bookingActivities;

/** Books something. The same key gives the same booking, however often it is tried. */
async function book(what: string, trip: Trip, { info }: ActivityContext): Promise<string> {
  return `${what} to ${trip.city} (${info.idempotencyKey.slice(-6)})`;
}

export const bookingActivities = {
  bookFlight: (trip: Trip, context: ActivityContext) => book("flight", trip, context),
  bookHotel: (trip: Trip, context: ActivityContext) => book("hotel", trip, context),
  async bookCar(trip: Trip, context: ActivityContext): Promise<string> {
    if (trip.city === "Atlantis") throw new ApplicationFailure("no cars under water", { type: "SoldOut" });
    return book("car", trip, context);
  },
  async cancelBooking(_booking: string): Promise<void> {},
};
