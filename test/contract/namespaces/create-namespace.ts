import { expect } from "vitest";
import { NamespaceState } from "../../../gen/pawl/v1/namespace_pb.js";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { operation } from "../contract.js";
import { seconds } from "../scene.js";

const newName = () => `ns-${crypto.randomUUID()}`;

export const createNamespace = operation(NamespaceService.method.createNamespace, {
  happy: {
    "makes a namespace that can be used at once": async (scene) => {
      const name = newName();
      const description = "for tests";
      const { namespaces, workflows } = scene;
      const { namespace } = await namespaces.createNamespace({
        name,
        description,
        retention: seconds(3_600),
      });
      expect(namespace).toMatchObject({
        ...{ name, description, retention: seconds(3_600), state: NamespaceState.ACTIVE },
        namespaceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      await workflows.startWorkflow({ namespace: name, spec: { workflowType: "order" } });
    },
    "keeps closed runs for 30 days where nothing else is said": async ({ namespaces }) => {
      const { namespace } = await namespaces.createNamespace({ name: newName() });
      expect(namespace?.retention).toMatchObject(seconds(30 * 24 * 3_600));
    },
  },
  repeated: {
    "with the same request id, the namespace is the same": async ({ namespaces }) => {
      const request = { name: newName(), requestId: crypto.randomUUID() };
      const first = await namespaces.createNamespace(request);
      expect(await namespaces.createNamespace(request)).toEqual(first);
    },
    "a request id is forgotten after 24 hours": async ({ namespaces, house }) => {
      const requestId = crypto.randomUUID();
      await namespaces.createNamespace({ name: newName(), requestId });
      await house.cluster.run(
        "update pawl.namespace_requests set requested_at = requested_at - 86400000000 where request_id = $1",
        [requestId],
      );
      await namespaces.createNamespace({ name: newName(), requestId });
    },
  },
  refused: {
    NAMESPACE_EXISTS: {
      "there is one of this name": ({ namespaces, namespace }) =>
        namespaces.createNamespace({ name: namespace }),
      "there is one of this name, made by another request": async ({ namespaces }) => {
        const name = newName();
        await namespaces.createNamespace({ name, requestId: crypto.randomUUID() });
        return namespaces.createNamespace({ name, requestId: crypto.randomUUID() });
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for another name": async ({ namespaces }) => {
        const requestId = crypto.randomUUID();
        await namespaces.createNamespace({ name: newName(), requestId });
        return namespaces.createNamespace({ name: newName(), requestId });
      },
      "the request id was used with another retention": async ({ namespaces }) => {
        const request = { name: newName(), requestId: crypto.randomUUID() };
        await namespaces.createNamespace(request);
        return namespaces.createNamespace({ ...request, retention: seconds(60) });
      },
    },
  },
  elsewhere: {
    "a new namespace has nothing of another": async (scene) => {
      await scene.start("wf");
      const { workflows } = scene;
      const { workflows: listed } = await workflows.listWorkflows({ namespace: await scene.makeNamespace() });
      expect(listed).toEqual([]);
    },
  },
  malformed: { request: { name: "not a name" }, field: "name" },
});
