/** What most tests of the engine begin with. */
import { type Actor, actor } from "./actor.js";
import { makeNamespace, openTestCluster, type TestCluster, type TestServer } from "./engine.js";

/** A server on a database of its own, and somebody who uses a namespace of it. */
export interface Scene {
  readonly cluster: TestCluster;
  readonly server: TestServer;
  readonly namespace: string;
  readonly it: Actor;
}

/** Sets the scene; the test closes the cluster. */
export async function openScene(): Promise<Scene> {
  const cluster = await openTestCluster();
  const server = await cluster.open();
  const namespace = await makeNamespace(server);
  return { cluster, server, namespace, it: actor(server, namespace) };
}
