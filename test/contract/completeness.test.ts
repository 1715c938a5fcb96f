import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { readReasons } from "../../tools/error-docs.js";
import { everyCall } from "./every-call.js";
import { operations } from "./operations.js";
import { readCommonReasons, readOperations } from "./read-operations.js";

/** Reasons that this server never gives: all of the API is built. */
const unprovoked = ["NOT_IMPLEMENTED", "UNSPECIFIED"];
/** Every operation is called with a request that is wrong in its form, and in a namespace that there is not. */
const provokedForEach = ["INVALID_FIELD", "NAMESPACE_NOT_FOUND"];

const page = await readFile("docs/operations.md", "utf8");
const documented = readOperations(page);

test("docs/operations.md and the contract have the same operations, in the same order", () => {
  expect(operations.map(({ rpc }) => rpc.name)).toEqual(documented.map(({ name }) => name));
});

test("every RPC has its contract", () => {
  const rpcs = [WorkflowService, WorkerService, ScheduleService, NamespaceService].flatMap(({ methods }) =>
    methods.map(({ name }) => name),
  );
  expect(operations.map(({ rpc }) => rpc.name).sort()).toEqual(rpcs.sort());
});

describe("an operation has its happy case, a repeat, another namespace and each documented refusal", () => {
  test.each(operations.map((contract) => [contract.rpc.name, contract] as const))("%s", (name, contract) => {
    const groups = [contract.happy, contract.repeated, contract.elsewhere].map((cases) => Object.keys(cases));
    for (const titles of groups) expect(titles.length).toBeGreaterThan(0);
    expect(new Set(groups.flat()).size, "two cases have one title").toBe(groups.flat().length);
    const refused = Object.entries(contract.refused).filter(([, calls]) => Object.keys(calls).length > 0);
    const reasons = documented.find((other) => other.name === name)?.reasons ?? [];
    expect(refused.map(([reason]) => reason).sort()).toEqual([...reasons].sort());
  });
});

test("what refuses every call is documented and provoked", () => {
  expect([...Object.keys(everyCall), ...provokedForEach].sort()).toEqual(readCommonReasons(page).sort());
});

test("every reason of the API is provoked by a case", async () => {
  const provoked = new Set([
    ...provokedForEach,
    ...Object.keys(everyCall),
    ...operations.flatMap(({ refused }) => Object.keys(refused)),
  ]);
  const left = (await readReasons()).filter(({ name }) => !provoked.has(name)).map(({ name }) => name);
  expect(left.sort()).toEqual([...unprovoked].sort());
});
