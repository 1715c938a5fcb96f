import { expect, test } from "vitest";
import { loadWorkflows } from "../../src/sdk/worker/thread/load-workflows.js";

const addressOf = (name: string) => new URL(`./workflow-modules/${name}`, import.meta.url).href;

test("takes the workflows that a module exports, by type", async () => {
  expect([...(await loadWorkflows(addressOf("bad.ts"))).keys()]).toContain("Healthy");
});

test.each([
  [
    "throws",
    "throwing.ts",
    /^the workflow module .*throwing\.ts could not be loaded: Error: no configuration\n/,
  ],
  [
    "exports none",
    "empty.ts",
    /empty\.ts exports no workflow, but answer: export what workflow\(name, code\) returns$/,
  ],
  [
    "has two of a type",
    "twice.ts",
    /twice\.ts exports two workflows of type "Same", the second as two: .* rename one$/,
  ],
])("says what is wrong with a module that %s", async (_, name, message) => {
  await expect(loadWorkflows(addressOf(name))).rejects.toMatchObject({
    name: "WorkflowModuleError",
    message: expect.stringMatching(message),
  });
});
