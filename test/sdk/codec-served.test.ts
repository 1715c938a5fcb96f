import { expect, test } from "vitest";
import { createClient, type DataConverter, type PayloadCodec } from "../../src/sdk/client/index.js";
import { ApplicationFailure, workflow } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";
import { cleanUps } from "./worker-harness.js";

const server = useRealServer();
const secret = "the card is 4111";

/** As one that has lost its key. */
const codec: PayloadCodec = {
  encode() {
    throw new Error("there is no key");
  },
  decode: (payloads) => payloads,
};
const withheld = "the codec could not encode this failure; what it says is in the log of the worker";

const pay = workflow("Pay", async (ctx) => ctx.activity("pay", undefined, { retry: { maximumAttempts: 1 } }));
const broken = workflow("Broken", async (ctx) => {
  ctx.onQuery("state", () => secret);
  await ctx.sleep(1);
  throw new Error(secret);
});

test.each([true, false])(
  "failures arrive though the codec can't encode them (failures encoded: %s), and are told in the log",
  async (encodesFailures) => {
    const warned: object[] = [];
    const dataConverter: DataConverter = { codec, encodesFailures };
    const taskQueue = `failures-${encodesFailures}`;
    const worker = await server.work({
      taskQueue,
      dataConverter,
      workflows: [pay, broken],
      activities: {
        async pay() {
          throw new ApplicationFailure(secret, { details: { secret } });
        },
      },
      logger: { info() {}, warn: (_, fields) => warned.push(fields) },
    });
    cleanUps.push(() => worker.stop());
    const [paid, failed] = [
      await server.client.start(pay, undefined, { taskQueue }),
      await server.client.start(broken, undefined, { taskQueue }),
    ];
    const lastFailure = async () => (await failed.describe()).pendingWorkflowTask?.lastFailure?.message;
    await expect.poll(lastFailure, { timeout: 8_000 }).toBe(encodesFailures ? withheld : secret);
    const activityFailed = async () => {
      for await (const { kind } of server.client.history(paid.workflowId))
        if (kind.case === "activityFailed") return kind.value.failure?.message;
      return undefined;
    };
    await expect.poll(activityFailed, { timeout: 8_000 }).toBe(withheld);
    expect(JSON.stringify(warned)).toContain(secret);
  },
);

test("a query whose answer the codec can't encode is refused at once", async () => {
  const taskQueue = "failures-query";
  const worker = await server.work({ taskQueue, dataConverter: { codec }, workflows: [broken] });
  cleanUps.push(() => worker.stop());
  const client = createClient({ address: server.address });
  cleanUps.push(() => client.close());
  const handle = await client.start(broken, undefined, { taskQueue, workflowId: "asked" });
  const lastFailure = async () => (await handle.describe()).pendingWorkflowTask?.lastFailure?.message;
  await expect.poll(lastFailure, { timeout: 8_000 }).toBe(secret);
  await expect(handle.query("state")).rejects.toThrow(withheld);
});
