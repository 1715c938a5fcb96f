import { afterAll, beforeAll, expect, test } from "vitest";
import { findIdleRuns } from "../../src/store/idle-runs.js";
import { makeRun, startUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let namespaceId: string;

/** Runs that started at 1 to 8, named by that; their last event was ten later, but for one that moves and one that has ended. */
beforeAll(async () => {
  store = await openTestStore();
  namespaceId = await store.makeNamespace();
  const runs = [1, 2, 3, 4, 5, 6, 7, 8].map((startedAt) =>
    makeRun({
      namespaceId,
      workflowId: `run-${startedAt}`,
      startedAt,
      lastEventAt: startedAt === 3 ? 99 : startedAt + 10,
      ...(startedAt === 5 ? { status: 3, closedAt: 15 } : { status: startedAt % 2 === 0 ? 1 : 2 }),
    }),
  );
  const elsewhere = makeRun({ namespaceId: await store.makeNamespace(), startedAt: 2, lastEventAt: 2 });
  await store.write(...runs.map((run) => startUnit(run)), startUnit(elsewhere));
});

afterAll(() => store.close());

async function find(limit: number, idleSince = 50, after?: { startedAt: number; runId: string }) {
  const { idle, next } = await findIdleRuns(store.database.read, { namespaceId, idleSince, after, limit });
  return { ids: idle.map(({ workflowId }) => workflowId), next };
}

test("finds open runs of both statuses without an event since a time, the oldest first", async () => {
  expect(await find(100)).toEqual({
    ids: ["run-1", "run-2", "run-4", "run-6", "run-7", "run-8"],
    next: undefined,
  });
  expect((await find(100, 14)).ids).toEqual(["run-1", "run-2", "run-4"]);
  expect((await find(100, 99)).ids).toContain("run-3");
  expect((await find(100, 0)).ids).toEqual([]);
});

test("looks at so many runs at a time, whether or not they are idle", async () => {
  const pages: string[][] = [];
  let next: { startedAt: number; runId: string } | undefined;
  do {
    const page = await find(2, 50, next);
    pages.push(page.ids);
    next = page.next;
  } while (next !== undefined);
  expect(pages).toEqual([["run-1", "run-2"], ["run-4"], ["run-6", "run-7"], ["run-8"]]);
});
