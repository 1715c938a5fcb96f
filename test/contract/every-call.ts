import type { ReasonName, RefusedCalls } from "./contract.js";
import { json, workflowType } from "./scene.js";

const spec = { workflowId: "wf", workflowType };

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
  },
};
