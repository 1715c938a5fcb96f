import { afterAll, beforeAll, expect, test } from "vitest";
import { actor, completeWorkflow } from "../support/actor.js";
import {
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

afterAll(() => cluster.close());

test.each([
  ["found", "load_workflows", 2],
  ["asked for the event", "read_events", 1],
  ["gone through", "note_history_copy", 1],
  ["copied", "copy_rejections", 1],
])(
  "a reset is told that its run is deleted, also once that was %s, and leaves no copy",
  async (_, statement, answer) => {
    const namespace = await makeNamespace(server);
    const it = actor(server, namespace);
    await it.start("wf");
    const [task] = await it.poll();
    await it.signal("wf");
    await it.complete(task, []);
    const [next] = await it.poll();
    await it.complete(next, [completeWorkflow]);
    let answers = 0;
    const other = await cluster.open({
      async holdAnswer(name) {
        if (name !== statement || ++answers !== answer) return;
        await it.delete("wf");
        while ((await server.upkeep.clearDeletions()) === 0);
      },
    });
    const resetting = actor(other, namespace).reset("wf", task?.startedEventId ?? 0);
    expect(await reasonOf(resetting)).toBe("RUN_DELETED");
    expect(await cluster.run("select run_id from history_copies")).toEqual([]);
    expect(await cluster.run("select run_id from history")).toEqual([]);
    expect(other.faults).toEqual([]);
    await other.stop();
  },
);
