/** Resizes a thousand images: `npx tsx examples/batch/run.ts [--address 127.0.0.1:7295]`. */
import { runExample } from "../run-example.js";
import { batchActivities, imagesOf } from "./activities.js";
import { resizeAll } from "./workflows.js";

await runExample(
  { taskQueue: "batch", workflows: new URL("./workflows.js", import.meta.url), activities: batchActivities },
  async (client, taskQueue) => {
    const batch = { images: imagesOf(1_000), concurrency: 100 };
    const { done, failed } = await client.execute(resizeAll, batch, { taskQueue });
    console.log(`${done} resized, ${failed.length} broken`);
  },
);
