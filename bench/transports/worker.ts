/** A worker of the SDK in a process of its own, over one transport. It tells what it has cost when it is asked. */
import { createWorker } from "../../src/sdk/worker/index.js";
import { empty, emptyActivity } from "./workflow.js";

const [address = "", transport = "grpc"] = process.argv.slice(2);

// Goes with the process that started it, however that ends.
process.on("disconnect", () => process.exit(0));

const worker = createWorker({
  address,
  transport: transport as "grpc" | "connect",
  workflows: [empty],
  activities: { [emptyActivity]: async () => null },
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
await worker.start();
process.send?.({ kind: "ready" });
