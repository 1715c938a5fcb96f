import { expect } from "vitest";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { operation } from "../contract.js";
import { seconds } from "../scene.js";
import { expire } from "./expire.js";

export const updateNamespace = operation(NamespaceService.method.updateNamespace, {
  happy: {
    "changes what is given and leaves the rest": async ({ namespaces, namespace: name }) => {
      const { namespace: before } = await namespaces.updateNamespace({ name, description: "for tests" });
      expect(before).toMatchObject({ name, description: "for tests", retention: seconds(30 * 24 * 3_600) });
      const { namespace: after } = await namespaces.updateNamespace({ name, retention: seconds(3_600) });
      expect(after).toEqual({ ...before, retention: expect.objectContaining(seconds(3_600)) });
    },
    "a shorter retention counts for runs that have closed before": async (scene) => {
      const { namespaces, workflows, namespace } = scene;
      await scene.startClosed("wf");
      await scene.pass(3_601_000);
      await expire(scene);
      expect((await workflows.getWorkflow({ namespace, workflowId: "wf" })).workflow).toBeDefined();
      await namespaces.updateNamespace({ name: namespace, retention: seconds(3_600) });
      await expire(scene);
      expect((await workflows.listWorkflows({ namespace })).workflows).toEqual([]);
    },
  },
  repeated: {
    "with the same request id changes nothing, and answers the namespace as it is now": async (scene) => {
      const { namespaces, namespace: name } = scene;
      const request = { name, description: "first", requestId: crypto.randomUUID() };
      await namespaces.updateNamespace(request);
      const { namespace } = await namespaces.updateNamespace({ name, description: "second" });
      expect(await namespaces.updateNamespace(request)).toMatchObject({ namespace });
    },
  },
  refused: {
    NAMESPACE_NOT_FOUND: {
      "there is none of this name": ({ namespaces }) => namespaces.updateNamespace({ name: "nowhere" }),
    },
    NAMESPACE_IN_USE: {
      "it is being deleted": async ({ namespaces, namespace: name }) => {
        await namespaces.deleteNamespace({ name });
        return namespaces.updateNamespace({ name, description: "late" });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another change": async ({ namespaces, namespace: name }) => {
        const requestId = crypto.randomUUID();
        await namespaces.updateNamespace({ name, description: "a", requestId });
        return namespaces.updateNamespace({ name, description: "b", requestId });
      },
    },
  },
  elsewhere: {
    "another namespace stays as it is": async (scene) => {
      const { namespaces, namespace: name } = scene;
      const other = await scene.makeNamespace();
      await namespaces.updateNamespace({ name, description: "mine" });
      const { namespace } = await namespaces.updateNamespace({ name: other });
      expect(namespace).toMatchObject({ name: other, description: "" });
    },
  },
  malformed: { request: { name: "main", retention: seconds(0) }, field: "retention" },
});
