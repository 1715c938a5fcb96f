import { expect, test } from "vitest";
import { createClient } from "../../src/sdk/client/index.js";
import { useRealServer } from "./real-server.js";
import { cleanUps } from "./worker-harness.js";
import { stepped } from "./workflow-modules/stepped.js";

const server = useRealServer();

test("workers and clients over both transports, with workflows in threads, lose nothing when the server is restarted", async () => {
  const calls = new Map<string, number>();
  const begun = new Map<string, () => void>();
  const sides = await Promise.all(
    (["grpc", "connect"] as const).map(async (transport) => {
      await server.work({
        transport,
        taskQueue: transport,
        workflows: new URL("./workflow-modules/stepped.ts", import.meta.url),
        workflowExecArgv: ["--import", "tsx"],
        activities: {
          async step(name: string) {
            calls.set(name, (calls.get(name) ?? 0) + 1);
            return name.length;
          },
          /** In hand while the server is away. */
          hold: () => new Promise<string>((resolve) => begun.set(transport, () => resolve("held"))),
        },
      });
      const client = createClient({ address: server.address, transport });
      cleanUps.push(() => client.close());
      const runs = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          client.start(stepped, { name: `${transport} ${n}`, steps: 10 }, { taskQueue: transport }),
        ),
      );
      const results = runs.map((run) => run.result());
      return {
        results,
        held: client.execute(stepped, { name: transport, steps: 0 }, { taskQueue: transport }),
      };
    }),
  );
  await expect.poll(() => begun.size, { timeout: 5_000 }).toBe(2);
  const restarted = server.restart();
  for (const finish of begun.values()) finish();
  await restarted;
  for (const { results, held } of sides) {
    expect(await held).toBe("held");
    expect(await Promise.all(results)).toEqual(results.map(() => "10 steps"));
  }
  expect(calls.size).toBe(2 * 8 * 10);
});
