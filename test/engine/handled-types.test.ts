import { expect, test } from "vitest";
import type { Dispatch } from "../../src/engine/dispatch/dispatch.js";
import { openHandledTypes } from "../../src/engine/dispatch/handled-types.js";
import { openSeenPolls } from "../../src/engine/seen-polls.js";
import type { Database } from "../../src/store/database.js";

test("remembers the types that polls have handled, until they are old", () => {
  const handled = openHandledTypes();
  expect(handled.since(0)).toEqual(new Set());
  handled.note(["a", "b"], 10);
  handled.note(["b"], 20);
  expect(handled.since(10)).toEqual(new Set(["a", "b"]));
  expect(handled.since(11)).toEqual(new Set(["b"]));
  expect(handled.since(21)).toEqual(new Set());
  handled.note([], 30);
  expect(handled.since(30)).toBe("all");
  expect(handled.since(31)).toEqual(new Set());
});

test("takes all types to be handled beyond the number that it remembers", () => {
  const handled = openHandledTypes();
  const types = Array.from({ length: 200 }, (_, n) => `t${n}`);
  handled.note(types, 10);
  expect(handled.since(10)).toEqual(new Set(types));
  handled.note(["one more"], 20);
  expect(handled.since(10)).toBe("all");
  expect(handled.since(11)).toEqual(new Set(["one more"]));
  handled.note([...types, "x"], 30);
  expect(handled.since(30)).toBe("all");
});

test("tells other servers of a bounded number of queues and types, and rather too much than too little", async () => {
  const queues = Array.from({ length: 1_001 }, (_, n) => ({
    queue: { kind: "workflow" as const, namespaceId: "ns", taskQueue: `q${n}` },
    types: new Set(["a", "b", "c"]),
  }));
  const own: ReturnType<Dispatch["handledTypes"]> = queues.slice(0, 1_000);
  let others: unknown[] = [];
  const database = { read: { query: async () => others.map((load) => ({ load })) } } as unknown as Database;
  const open = (handledTypes: Dispatch["handledTypes"]) =>
    openSeenPolls({ database, serverId: "", dispatch: { handledTypes }, now: () => 0 });
  const isPolled = async (taskQueue: string, type: string, handled = own) =>
    (await open(() => handled).read("ns"))({ kind: "workflow", taskQueue, type });
  expect([await isPolled("q0", "a"), await isPolled("q0", "x")]).toEqual([true, false]);
  expect([await isPolled("q999", "x"), await isPolled("q1000", "a")]).toEqual([true, false]);
  expect(await isPolled("q1000", "a", queues)).toBe(true);
  expect(JSON.stringify(open(() => queues).told()).length).toBeLessThan(100_000);
  others = [open(() => own).told(), [["polls", "workflow", "ns", "q0", ["x"]]]];
  expect([await isPolled("q0", "a", []), await isPolled("q0", "x", [])]).toEqual([true, true]);
  expect([await isPolled("q999", "x", []), await isPolled("q1", "x", [])]).toEqual([true, false]);
});
