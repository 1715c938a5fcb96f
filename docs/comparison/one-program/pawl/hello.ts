import { createClient, createWorker } from "pawl";
import { workflow } from "pawl/workflow";

const activities = { greet: async (name: string) => `Hello, ${name}!` };

const hello = workflow("Hello", async (ctx, name: string) => {
  const { greet } = ctx.activities<typeof activities>({ startToCloseTimeout: "10s" });
  return await greet(name);
});

const worker = createWorker({ workflows: [hello], activities });
await worker.start();
console.log(await createClient().execute(hello, "Ada"));
await worker.stop();
