/**
 * Starts a server and a worker, runs the orders, and leaves both running: `make run`, or `npx tsx examples/order/run.ts [--port 7295]`. With the
 * variable ONCE=1 it ends after the summary.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Client, createClient } from "../../src/sdk/client/index.js";
import { readOrders, totalCents } from "./order.js";
import { countOutcomes, type Outcomes } from "./outcomes.js";
import { isPortFree, type Running, startServer, startWorker } from "./processes.js";
import { type FinishedOrder, runShop } from "./shop.js";

const shipWithinMs = 6_000;
const startPatienceMs = 120_000;
const progressEveryMs = 1_000;

const { values } = parseArgs({
  options: { port: { type: "string", default: "7295" }, "data-dir": { type: "string", default: "./.pawl" } },
});
const port = Number(values.port);
const dataDir = values["data-dir"];
const address = `127.0.0.1:${port}`;
const isOnce = (process.env.ONCE ?? "") !== "" && process.env.ONCE !== "0";
const running: Running[] = [];
const interrupted = new Promise<"interrupted">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => resolve("interrupted"));
});

process.exitCode = await main().catch(async (error: unknown) => {
  await stopAll();
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});

async function main(): Promise<number> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`--port is a number from 1 to 65535, not ${values.port}: make run PORT=7296`);
  }
  if (!(await isPortFree(port)))
    throw new Error(`port ${port} is taken; choose another: make run PORT=${port + 1}`);
  const client = createClient({ address, retryForMs: startPatienceMs });
  const work = runExample(client);
  const first = await Promise.race([work, interrupted]);
  if (first !== "interrupted" && !isOnce) {
    say(nextSteps(first.idPrefix));
    const ended = await Promise.race([interrupted, ...running.map((process) => process.ended)]);
    if (ended !== "interrupted") say(`a process ended by itself (${ended}); stopping`);
  }
  work.catch(() => {});
  client.close();
  await stopAll();
  if (first === "interrupted") return 130;
  say(`RESULT ${JSON.stringify(first.outcomes)}`);
  return first.outcomes.failed === 0 && first.outcomes.orders === readOrders().length ? 0 : 1;
}

async function runExample(client: Client): Promise<{ outcomes: Outcomes; idPrefix: string }> {
  say(`starting a server on ${address}, with its data in ${dataDir}, and a worker`);
  const server = keep(startServer(port, dataDir));
  await orEnd(client.count(), server, "the server");
  const worker = keep(startWorker(address, join(dataDir, "example-ledger")));

  const idPrefix = `order-${Date.now().toString(36)}${randomBytes(2).toString("hex")}-`;
  const orders = readOrders();
  say(`starting ${orders.length} orders, ${idPrefix}001 and so on`);
  const begunAt = Date.now();
  const progress = showProgress(client, idPrefix);
  try {
    const shop = runShop({
      client,
      orders,
      idPrefix,
      shipWithinMs,
      onFinished: (order) => say(finishedLine(order)),
    });
    await orEnd(orEnd(shop, server, "the server"), worker, "the worker");
  } finally {
    clearInterval(progress);
  }
  const seconds = (Date.now() - begunAt) / 1_000;
  const outcomes = await countOutcomes(client, idPrefix);
  say("");
  say(
    `${outcomes.orders} orders in ${seconds.toFixed(1)} s: ${outcomes.completed} shipped and completed, ` +
      `${outcomes.refunded} refunded after ${shipWithinMs / 1_000} s without a shipment, ${outcomes.failed} failed`,
  );
  say(`${(outcomes.orders / seconds).toFixed(1)} workflows/s, the wait for shipments included`);
  return { outcomes, idPrefix };
}

/** Resolves with the work; rejects if the process ends first. */
async function orEnd<T>(work: Promise<T>, process: Running, name: string): Promise<T> {
  const ended = process.ended.then((how) => {
    throw new Error(`${name} ended (${how})`);
  });
  return Promise.race([work, ended]);
}

function keep(process: Running): Running {
  running.push(process);
  return process;
}

/** The worker first, so that it can still give back what it holds. */
async function stopAll(): Promise<void> {
  for (const process of running.toReversed()) await process.stop();
}

function showProgress(client: Client, idPrefix: string): NodeJS.Timeout {
  let last = "";
  return setInterval(async () => {
    const counts = await client.count({ workflowIdPrefix: idPrefix }).catch(() => undefined);
    const parts = Object.entries(counts?.byStatus ?? {}).map(
      ([status, count]) => `${count} ${status.toLowerCase()}`,
    );
    const line = parts.sort().join(", ");
    if (line !== "" && line !== last) say(`-- ${line}`);
    last = line;
  }, progressEveryMs);
}

function finishedLine({ order, workflowId, result, tookMs }: FinishedOrder): string {
  const price = `${(totalCents(order) / 100).toFixed(2)} ${order.currency}`;
  const outcome =
    result?.status === "completed"
      ? `${result.status}, ${result.shipment.carrier}`
      : (result?.status ?? "failed");
  return `${workflowId}  ${order.customer.name.padEnd(20)} ${price.padStart(12)}  ${outcome.padEnd(15)} ${(tookMs / 1_000).toFixed(1)} s`;
}

function nextSteps(idPrefix: string): string {
  const { ships: _, ...order } = readOrders()[0] ?? { ships: true };
  const spec = { workflowId: "my-order", workflowType: "OrderWorkflow", taskQueue: "orders" };
  const input = { json: JSON.stringify({ order, shipWithinMs: 600_000 }) };
  const signal = {
    workflowId: "my-order",
    name: "shipped",
    payload: { json: '{"carrier":"DHL","trackingNumber":"TR-1"}' },
  };
  const call = (method: string, body: unknown) =>
    `npx buf curl --protocol grpc --http2-prior-knowledge -d '${JSON.stringify(body)}' http://${address}/pawl.v1.WorkflowService/${method}`;
  return `
server and worker are running on ${address} until Ctrl-C. Look around:

  ${call("GetHistory", { workflowId: `${idPrefix}001` })}

start an order, ask where it stands, ship it, and get its result:

  ${call("StartWorkflow", { spec: { ...spec, input } })}
  ${call("QueryWorkflow", { workflowId: "my-order", name: "state" })}
  ${call("SignalWorkflow", signal)}
  ${call("GetWorkflowResult", { workflowId: "my-order" })}

with grpcurl:

  grpcurl -plaintext -d '{"groupByStatus":true}' ${address} pawl.v1.WorkflowService/CountWorkflows
`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
