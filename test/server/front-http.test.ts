import { expect, test } from "vitest";
import { openTestFront } from "../support/test-front.js";

test.each([
  ["/", 200, "Pawl: durable workflows"],
  ["/healthz", 200, "ok"],
  ["/readyz", 200, "ready"],
  ["/metrics", 200, "# HELP pawl_calls_total Calls that ended"],
  ["/metrics?x=1", 200, "pawl_leases_expired_total"],
  ["/nothing", 404, "there is nothing at /nothing"],
])("answers GET %s with %i", async (path, status, text) => {
  const { url } = await openTestFront({});
  const response = await fetch(`${url}${path}`);
  expect(response.status).toBe(status);
  expect(await response.text()).toContain(text);
});

test.each([
  ["says no", async () => false],
  ["can't tell", () => Promise.reject(new Error("no database"))],
])("is not ready when the engine %s", async (_name, isReady) => {
  const { url } = await openTestFront({}, { isReady });
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
});

test("says which RPC there is not", async () => {
  const { url } = await openTestFront({});
  const response = await fetch(`${url}/pawl.v1.WorkflowService/Dance`, { method: "POST" });
  expect(response.status).toBe(404);
  expect(await response.text()).toContain("there is no RPC /pawl.v1.WorkflowService/Dance");
});

test.each([
  ["a page of this machine", "http://localhost:5173", [], "http://localhost:5173"],
  ["a page of an allowed origin", "https://ops.example", ["https://ops.example"], "https://ops.example"],
  ["a page of any origin, if all are allowed", "https://x.example", ["*"], "https://x.example"],
  ["no page of another origin", "https://evil.example", ["https://ops.example"], null],
  ["no page of an origin that only looks local", "http://localhost.evil.example", [], null],
])("lets %s call from a browser", async (_name, origin, allowedOrigins, allowed) => {
  const { url } = await openTestFront({}, { allowedOrigins });
  const response = await fetch(`${url}/pawl.v1.WorkflowService/GetWorkflow`, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST" },
  });
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(response.headers.get("access-control-allow-headers")).toContain("Connect-Protocol-Version");
});
