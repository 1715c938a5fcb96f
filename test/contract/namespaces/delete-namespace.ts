import { expect } from "vitest";
import { NamespaceState } from "../../../gen/pawl/v1/namespace_pb.js";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { operation } from "../contract.js";
import type { Scene } from "../scene.js";
import { expire } from "./expire.js";

async function listed({ namespaces }: Scene, name: string) {
  const page = await namespaces.listNamespaces({ pageSize: 1_000 });
  return page.namespaces.find((namespace) => namespace.name === name);
}

export const deleteNamespace = operation(NamespaceService.method.deleteNamespace, {
  happy: {
    "shows it as being deleted, and removes its closed runs, and itself last": async (scene) => {
      const { namespaces, workflows, namespace } = scene;
      await scene.startClosed("wf");
      await namespaces.deleteNamespace({ name: namespace });
      expect((await listed(scene, namespace))?.state).toBe(NamespaceState.DELETING);
      expect((await workflows.listWorkflows({ namespace })).workflows).toHaveLength(1);
      await expire(scene);
      expect(await listed(scene, namespace)).toBeUndefined();
    },
    "its name is free again when it is gone": async (scene) => {
      const { namespaces, namespace: name } = scene;
      await namespaces.deleteNamespace({ name });
      await expire(scene);
      const { namespace } = await namespaces.createNamespace({ name });
      expect(namespace?.state).toBe(NamespaceState.ACTIVE);
    },
  },
  repeated: {
    "with the same request id changes nothing, also when it is gone": async (scene) => {
      const request = { name: scene.namespace, requestId: crypto.randomUUID() };
      await scene.namespaces.deleteNamespace(request);
      await scene.namespaces.deleteNamespace(request);
      await expire(scene);
      await scene.namespaces.deleteNamespace(request);
    },
  },
  refused: {
    NAMESPACE_NOT_FOUND: {
      "there is none of this name": ({ namespaces }) => namespaces.deleteNamespace({ name: "nowhere" }),
    },
    NAMESPACE_IN_USE: {
      "it is `main`": ({ namespaces }) => namespaces.deleteNamespace({ name: "main" }),
      "it has an open run": async (scene) => {
        await scene.start("wf");
        return scene.namespaces.deleteNamespace({ name: scene.namespace });
      },
      "it is being deleted, by another request": async ({ namespaces, namespace: name }) => {
        await namespaces.deleteNamespace({ name });
        return namespaces.deleteNamespace({ name });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another namespace": async (scene) => {
        const requestId = crypto.randomUUID();
        await scene.namespaces.deleteNamespace({ name: scene.namespace, requestId });
        return scene.namespaces.deleteNamespace({ name: await scene.makeNamespace(), requestId });
      },
    },
  },
  elsewhere: {
    "runs of another namespace stay": async (scene) => {
      const { namespaces, workflows, namespace } = scene;
      await scene.startClosed("wf");
      await namespaces.deleteNamespace({ name: await scene.makeNamespace() });
      await expire(scene);
      expect((await workflows.listWorkflows({ namespace })).workflows).toHaveLength(1);
    },
  },
  malformed: { request: {}, field: "name" },
});
