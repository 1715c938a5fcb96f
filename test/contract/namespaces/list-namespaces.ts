import { expect } from "vitest";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { operation } from "../contract.js";
import type { Scene } from "../scene.js";

/** All names, read in pages. */
async function allNames({ namespaces }: Scene, pageSize: number): Promise<string[]> {
  const names: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await namespaces.listNamespaces({ pageSize, pageToken });
    expect(page.namespaces.length).toBeLessThanOrEqual(pageSize);
    names.push(...page.namespaces.map(({ name }) => name));
    pageToken = page.nextPageToken;
    if (pageToken === "") return names;
  }
}

export const listNamespaces = operation(NamespaceService.method.listNamespaces, {
  happy: {
    "lists all namespaces by name, `main` among them, in pages": async (scene) => {
      const made = [await scene.makeNamespace(), await scene.makeNamespace()];
      const names = await allNames(scene, 50);
      expect(names).toEqual([...new Set(names)].sort());
      expect(names).toEqual(expect.arrayContaining(["main", ...made]));
    },
    "tells what each is": async ({ namespaces }) => {
      const name = `a-${crypto.randomUUID()}`;
      const { namespace } = await namespaces.createNamespace({ name, description: "first of all" });
      const { namespaces: listed } = await namespaces.listNamespaces({ pageSize: 1_000 });
      expect(listed).toContainEqual(namespace);
    },
  },
  repeated: {
    "it reads the same": async ({ namespaces }) => {
      expect(await namespaces.listNamespaces({})).toEqual(await namespaces.listNamespaces({}));
    },
  },
  refused: {
    INVALID_PAGE_TOKEN: {
      "the token is malformed": ({ namespaces }) => namespaces.listNamespaces({ pageToken: "x" }),
      "the token belongs to another query": async ({ namespaces, workers, namespace }) => {
        for (const workerId of ["a", "b"]) await workers.registerWorker({ namespace, worker: { workerId } });
        const { nextPageToken: pageToken } = await workers.listWorkers({ namespace, pageSize: 1 });
        return namespaces.listNamespaces({ pageToken });
      },
    },
  },
  elsewhere: {
    "it tells nothing of what is in a namespace": async (scene) => {
      const { namespaces } = scene;
      const before = await namespaces.listNamespaces({ pageSize: 1_000 });
      await scene.start("wf");
      expect(await namespaces.listNamespaces({ pageSize: 1_000 })).toEqual(before);
    },
  },
  malformed: { request: { pageSize: -1 }, field: "page_size" },
});
