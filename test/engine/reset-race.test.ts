import { afterAll, beforeAll, expect, test } from "vitest";
import { actor, completeWorkflow } from "../support/actor.js";
import {
  kindsOf,
  makeNamespace,
  openTestCluster,
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
  ["open", []],
  ["closed", [completeWorkflow]],
])(
  "a reset of the run that is there means the one that has taken its place meanwhile, the first having been %s",
  async (_, commands) => {
    const namespace = await makeNamespace(server);
    const it = actor(server, namespace);
    await it.start("wf");
    const [task] = await it.poll();
    await it.complete(task, commands);
    const eventId = task?.startedEventId ?? 0;
    let between = "";
    const other = await cluster.open({
      async holdAnswer(name) {
        if (name !== "note_history_copy" || between !== "") return;
        between = (await it.reset("wf", eventId)).runId ?? "";
        await it.signal("wf", { name: "acknowledged" });
      },
    });
    const { runId } = await actor(other, namespace).reset("wf", eventId);
    expect((await it.get("wf")).workflow).toMatchObject({ runId, resetFromRunId: between });
    expect(kindsOf(await it.history("wf"))).toContain("signalReceived");
    expect(await cluster.run("select run_id from history_copies")).toEqual([]);
    await other.stop();
  },
);
