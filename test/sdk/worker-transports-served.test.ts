import { expect, onTestFinished, test } from "vitest";
import { createClient } from "../../src/sdk/client/index.js";
import { ApplicationFailure, workflow } from "../../src/sdk/workflow/index.js";
import { openSwitchableProxy } from "../support/switchable-proxy.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();

const greet = workflow("Greet", async (ctx, name: string) => ctx.activity<string>("greet", name));
const activities = {
  async greet(name: string) {
    if (name === "") throw new ApplicationFailure("nobody to greet", { isNonRetryable: true });
    return `Hello, ${name}!`;
  },
};

test.each(["grpc", "connect"] as const)(
  "a worker and a client over %s go on after all their connections broke, and stop",
  async (transport) => {
    const proxy = await openSwitchableProxy(Number(server.address.split(":").at(-1)));
    onTestFinished(() => proxy.close());
    const taskQueue = transport;
    const client = createClient({ address: proxy.address, transport });
    onTestFinished(() => client.close());
    const worker = await server.work({
      address: proxy.address,
      transport,
      taskQueue,
      workflows: [greet],
      activities,
    });
    expect(await client.execute(greet, "Ada", { taskQueue })).toBe("Hello, Ada!");
    await expect(client.execute(greet, "", { taskQueue })).rejects.toMatchObject({
      status: "FAILED",
      cause: { cause: { message: "nobody to greet" } },
    });
    const [waiting] = await client.startMany([{ workflow: greet, input: "Eve", taskQueue, startDelay: 300 }]);
    const result = waiting.status === "fulfilled" ? waiting.value.result() : undefined;
    proxy.cut();
    expect(await result).toBe("Hello, Eve!");
    expect(await client.execute(greet, "Bob", { taskQueue })).toBe("Hello, Bob!");
    await worker.stop();
  },
);
