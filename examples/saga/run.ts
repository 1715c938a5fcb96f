/** Books two trips: `npx tsx examples/saga/run.ts [--address 127.0.0.1:7295]`. */
import { runExample } from "../run-example.js";
import { bookingActivities } from "./activities.js";
import { bookTrip } from "./workflows.js";

await runExample(
  { taskQueue: "saga", workflows: new URL("./workflows.js", import.meta.url), activities: bookingActivities },
  async (client, taskQueue) => {
    for (const city of ["Rome", "Atlantis"]) {
      const result = await client.execute(bookTrip, { customer: "Ada", city, nights: 3 }, { taskQueue });
      console.log(`${city}: ${result.status === "booked" ? result.bookings.join(", ") : result.reason}`);
    }
  },
);
