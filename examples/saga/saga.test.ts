import { expect, test, vi } from "vitest";
import { createTestEnvironment, failFirst, hang } from "../../src/sdk/testing/index.js";
import { bookingActivities } from "./activities.js";
import { bookings, bookTrip } from "./workflows.js";

const rome = { customer: "Ada", city: "Rome", nights: 3 };

test("all three are booked", async () => {
  const env = createTestEnvironment({ workflows: [bookTrip], activities: bookingActivities });
  const result = await env.execute(bookTrip, rome);
  expect(result).toMatchObject({ status: "booked", bookings: { length: 3 } });
  await env.close();
});

test("where one can't be had, the others are given back, the last first, even if that fails for a while", async () => {
  const cancelled: string[] = [];
  const cancelBooking = failFirst(5, async (booking: string) => void cancelled.push(booking));
  const activities = { ...bookingActivities, cancelBooking };
  const env = createTestEnvironment({ workflows: [bookTrip], activities });
  const result = await env.execute(bookTrip, { ...rome, city: "Atlantis" });
  expect(result).toEqual({ status: "given up", reason: "no cars under water" });
  expect(cancelled.map((booking) => booking.split(" ")[0])).toEqual(["hotel", "flight"]);
  await env.close();
});

test("a customer who cancels gets everything back, and the run ends as cancelled", async () => {
  const cancelBooking = vi.fn(async () => {});
  const activities = { ...bookingActivities, bookCar: hang, cancelBooking };
  const env = createTestEnvironment({ workflows: [bookTrip], activities });
  const handle = await env.start(bookTrip, rome);
  await env.idle();
  expect(await handle.query(bookings)).toHaveLength(2);
  await handle.cancel("changed plans");
  await expect(handle.result()).rejects.toMatchObject({ status: "CANCELLED" });
  expect(cancelBooking).toHaveBeenCalledTimes(2);
  await env.close();
});
