/** A worker of activities as a process of its own: `activity-worker.ts <folder> <address> <task queue>`. Says what it begins. */
import { runWorker } from "../../../src/sdk/worker/index.js";

const [, , , address = "", taskQueue = ""] = process.argv;
const say = (what: string) => process.stdout.write(`${what}\n`);

await runWorker({
  address,
  taskQueue,
  drainMs: 300,
  activities: {
    /** Ends a little after the process was told to. */
    async finishing() {
      say("began finishing");
      await new Promise((resolve) => process.once("SIGTERM", resolve));
      await new Promise((resolve) => setTimeout(resolve, 50));
      return "finished by the process";
    },
    /** Never ends, whatever its signal says. */
    endless() {
      say("began endless");
      return new Promise(() => {});
    },
    /** Says how far it is, and never ends. */
    counting(_: null, { heartbeat }) {
      heartbeat({ counted: 3 });
      say("began counting");
      return new Promise(() => {});
    },
  },
});
say("ended");
