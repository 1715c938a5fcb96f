import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { type Client, createClient } from "../../src/sdk/client/index.js";
import { openSandbox, type Sandbox } from "../support/processes.js";
import { openSwitchableProxy, type SwitchableProxy } from "../support/switchable-proxy.js";
import { until } from "../support/until.js";
import { expectAllRight, fewOrders, takeOrders } from "./orders.js";

let sandbox: Sandbox;
let proxy: SwitchableProxy;
let client: Client;

beforeAll(async () => {
  sandbox = await openSandbox();
});

afterAll(async () => {
  client?.close();
  await proxy?.close();
  await sandbox.close();
});

test("orders taken by one server and worked on through another end right while a third comes and goes and the first is killed", {
  timeout: 120_000,
}, async () => {
  onTestFailed(() => console.error(sandbox.tell()));
  const a = await sandbox.startServer();
  const b = await sandbox.startServer();
  sandbox.startOrderWorker(b.address);
  // Clients reach A until it is gone, then B, as behind a load balancer: what was asked of A and not answered is asked again of B.
  proxy = await openSwitchableProxy(a.port);
  client = createClient({ address: proxy.address, retryForMs: 60_000 });

  const idPrefix = "two-servers-";
  const work = takeOrders(client, idPrefix);
  work.catch(() => undefined);
  const c = await sandbox.startServer();
  expect((await c.stop()).code).toBe(0);
  await until("some orders are done", async () => (await countClosed(idPrefix)) >= 3, { withinMs: 30_000 });
  expect(await countClosed(idPrefix)).toBeLessThan(fewOrders().length);
  proxy.switchTo(b.port);
  await a.kill();

  await work;
  await expectAllRight({ client, idPrefix, ledgerFolder: sandbox.ledgerFolder });
  expect(b.output()).not.toContain("a call failed by a fault of the server");
  expect((await b.stop()).code).toBe(0);
});

async function countClosed(workflowIdPrefix: string): Promise<number> {
  return (await client.count({ workflowIdPrefix })).byStatus.COMPLETED ?? 0;
}
