import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { openSandbox, type Sandbox, type ServerProcess } from "../support/processes.js";

const documentedAddress = "127.0.0.1:7295";

let sandbox: Sandbox;
let database: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  sandbox = await openSandbox();
  database = await createTestDatabase();
  server = await sandbox.startServer({ databaseUrl: database.url });
  sandbox.startOrderWorker(server.address);
});

afterAll(async () => {
  await sandbox.close();
  await database.drop();
});

test("README's calls by buf curl list services, start a workflow, signal it, and read its result and its history", {
  timeout: 90_000,
}, async () => {
  const commands = readCommands(await readFile(new URL("../../README.md", import.meta.url), "utf8"));
  const answers = new Map<string, string>();
  for (const command of commands) answers.set(methodOf(command), await runCommand(command));
  expect([...answers.keys()].sort()).toEqual([
    "--list-services",
    "GetHistory",
    "GetWorkflowResult",
    "SignalWorkflow",
    "StartWorkflow",
  ]);

  const services = ["NamespaceService", "ScheduleService", "WorkerService", "WorkflowService"];
  for (const name of services) expect(answers.get("--list-services")).toContain(`pawl.v1.${name}\n`);
  const started = JSON.parse(answers.get("StartWorkflow") ?? "");
  expect(started).toEqual({ workflowId: expect.any(String), runId: expect.any(String), isStarted: true });
  expect(JSON.parse(answers.get("SignalWorkflow") ?? "")).toEqual({ runId: started.runId });
  const { outcome } = JSON.parse(answers.get("GetWorkflowResult") ?? "");
  expect(outcome).toMatchObject({ runId: started.runId, status: "WORKFLOW_STATUS_COMPLETED" });
  expect(JSON.parse(outcome.result.json)).toMatchObject({
    status: "completed",
    shipment: { carrier: "DHL", trackingNumber: "TR-1" },
  });
  const { events } = JSON.parse(answers.get("GetHistory") ?? "");
  expect(events[0]).toMatchObject({
    eventId: 1,
    workflowStarted: { workflowType: "OrderWorkflow", taskQueue: "orders" },
  });
});

/** The commands of the marked block, one for each line that begins with `npx buf curl`, with the lines that go on with it. */
function readCommands(readme: string): string[] {
  const block = /<!-- test: buf-curl -->\s*```sh\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const lines = block.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/^(?=npx buf curl )/m)
    .map((command) => command.trim())
    .filter((command) => command !== "");
}

function methodOf(command: string): string {
  return /pawl\.v1\.\w+\/(\w+)/.exec(command)?.[1] ?? /--list-services/.exec(command)?.[0] ?? command;
}

/** Runs a command as README shows it, but for the address. */
async function runCommand(command: string): Promise<string> {
  expect(command).toContain(documentedAddress);
  const script = command.replaceAll(documentedAddress, server.address);
  const child = sandbox.run("/bin/sh", ["-c", script, sandbox.folder]);
  const { code } = await child.ended;
  expect(code, `${command}\n${child.output()}`).toBe(0);
  return child.standardOutput();
}
