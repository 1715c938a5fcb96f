import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { badSchedules } from "./bad-schedules.js";
import * as targets from "./bad-targets.js";
import * as values from "./bad-values.js";
import { type BadInputFixture, openBadInputFixture } from "./fixture.js";

let fixture: BadInputFixture;
let before: unknown;

beforeAll(async () => {
  fixture = await openBadInputFixture();
  before = await fixture.snapshot();
}, 60_000);

afterAll(() => fixture?.close());

describe.each([
  ["an unknown id", targets.unknownIds],
  ["a wrong state", targets.wrongStates],
  ["something too large", targets.oversized],
  ["a malformed payload", targets.malformedPayloads],
  ["an unknown or invalid command", values.badCommands],
  ["a stale or forged token", values.badTokens],
  ["a number out of range", values.badNumbers],
  ["U+0000", values.nulls],
  ["a bad search attribute", values.badAttributes],
  ["something wrong with a schedule", badSchedules],
])("a call with %s is refused with its code and reason and changes nothing", (_, table) => {
  test.each(table)("$title", async ({ call, code, reason, metadata = {} }) => {
    const told = await call(fixture);
    expect({ code: told.code, reason: told.reason }).toEqual({ code, reason });
    expect(told.metadata).toMatchObject(metadata);
    expect(await fixture.snapshot()).toEqual(before);
  });
});

describe("an RPC that there is not is refused with UNIMPLEMENTED", () => {
  test.each(["/pawl.v1.WorkflowService/NoSuchRpc", "/pawl.v1.NoSuchService/StartWorkflow", "/nothing"])(
    "%s",
    async (path) => {
      expect(await codeOf(path)).toBe(grpc.status.UNIMPLEMENTED);
    },
  );
});

test("a batch refuses its bad elements alone", async () => {
  const { caller, held } = fixture;
  const { outcomes } = await caller.call(WorkerService.method.renewWorkflowTasks, {
    taskTokens: [new Uint8Array([1, 2, 3]), held],
  });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "accepted"]);
});

test("a JSON payload may hold an escaped U+0000, which is a text like any other", async () => {
  const { caller } = fixture;
  const json = '{"text":"a\\u0000b"}';
  const workflowId = "escaped";
  await caller.call(WorkflowService.method.startWorkflow, {
    spec: { workflowId, workflowType: "Sturdy", input: { body: { case: "json", value: json } } },
  });
  const { events } = await caller.call(WorkflowService.method.getHistory, { workflowId });
  const [started] = events;
  expect(started?.kind.case === "workflowStarted" && started.kind.value.input?.body.value).toBe(json);
});

test("after all of it the process is unharmed and has no fault in its log", async () => {
  const { server, caller, held } = fixture;
  expect(await Promise.race([server.ended, "runs"])).toBe("runs");
  expect(await (await fetch(`http://${server.address}/readyz`)).text()).toBe("ready\n");
  expect(server.output()).not.toMatch(/"level":"(warn|error|fatal)"/);
  const { outcomes } = await caller.call(WorkerService.method.completeWorkflowTasks, {
    completions: [{ taskToken: held, commands: [{ kind: { case: "completeWorkflow", value: {} } }] }],
  });
  expect(outcomes[0]?.outcome.case).toBe("accepted");
});

/** The status of a call to any path. */
function codeOf(path: string): Promise<number | undefined> {
  const client = new grpc.Client(fixture.server.address, grpc.credentials.createInsecure());
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      Buffer.alloc(0),
      (error) => {
        client.close();
        resolve(error?.code);
      },
    );
  });
}
