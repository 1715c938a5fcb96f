/** Why any call may be refused. Each is shown by one that stands for all. */
import type { ReasonName, RefusedCalls } from "./contract.js";
import { openHouse } from "./front.js";
import { clientsOf, json, workflowType } from "./scene.js";

const spec = { workflowId: "wf", workflowType };

/** What tells a server that its caller waits no longer. A client that was told so itself would not even call. */
const deadline = { "grpc-timeout": "0m", "connect-timeout-ms": "0" };

export const everyCall: Readonly<Partial<Record<ReasonName, RefusedCalls>>> = {
  INVALID_PAYLOAD: {
    "a json payload is not JSON": ({ workflows, namespace }) =>
      workflows.startWorkflow({ namespace, spec: { ...spec, input: json("{not json") } }),
  },
  SIZE_LIMIT: {
    "a payload is larger than 2 MiB": ({ workflows, namespace }) =>
      workflows.startWorkflow({ namespace, spec: { ...spec, input: json(`"${"x".repeat(2 ** 21)}"`) } }),
    "a request is larger than 4 MiB": ({ workflows, namespace }) =>
      workflows.startWorkflow({ namespace, spec: { ...spec, input: json(`"${"x".repeat(2 ** 22)}"`) } }),
    "an id has more than 256 bytes": ({ workflows, namespace }) =>
      workflows.startWorkflow({ namespace, spec: { ...spec, workflowId: "x".repeat(257) } }),
  },
  SERVER_BUSY: {
    "the server has as many waiting operations as it may": ({ namespace, atServer }) =>
      atServer({ maxWaitingOperations: 0 }, ({ workflows }) => workflows.startWorkflow({ namespace, spec })),
  },
  NAMESPACE_IN_USE: {
    "it would start a run in a namespace that is being deleted": async (scene) => {
      const { namespaces, workflows, namespace } = scene;
      await namespaces.deleteNamespace({ name: namespace });
      return workflows.startWorkflow({ namespace, spec });
    },
  },
  DATABASE_UNAVAILABLE: {
    "the server does not reach its database": async ({ house: { protocol } }) => {
      const house = await openHouse(protocol);
      const { workflows } = clientsOf(house.main);
      await workflows.startWorkflow({ spec });
      const letIn = await house.cluster.cutOff();
      try {
        // A write may have been under way when the connection broke: then it is answered once it is known what became of it.
        return await workflows.getWorkflow({ workflowId: "wf" });
      } finally {
        await letIn();
        await house.close();
      }
    },
  },
  SHUTTING_DOWN: {
    "the server stops": ({ namespace, atServer }) =>
      atServer({}, async ({ workflows, called }) => {
        await workflows.startWorkflow({ namespace, spec });
        await called.server.stop();
        return workflows.startWorkflow({ namespace, spec: { ...spec, workflowId: "other" } });
      }),
  },
  DEADLINE: {
    "the caller waits no longer": ({ workflows, namespace }) =>
      workflows.startWorkflow({ namespace, spec }, { headers: deadline }),
  },
  INTERNAL: {
    "the database refuses what the server took for right": async ({ workflows, namespace, house }) => {
      await house.cluster.run(
        "alter table pawl.runs add constraint refused check (workflow_type <> 'refused')",
      );
      try {
        return await workflows.startWorkflow({ namespace, spec: { ...spec, workflowType: "refused" } });
      } finally {
        await house.cluster.run("alter table pawl.runs drop constraint refused");
      }
    },
  },
};
