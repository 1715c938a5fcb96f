import { terminateWorkflow } from "../../src/core/terminate.js";
import { type CommandInit, caller, startInput } from "./scenario.js";
import { newWorld, type World } from "./world.js";

/** A payload of JSON. */
export const json = (value: string) => ({ body: { case: "json" as const, value } });
/** A duration. */
export const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

/** Starts a child, with the id "c" unless told otherwise. */
export const child = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: {
      case: "startChildWorkflow",
      value: { spec: { workflowId: "c", workflowType: "order" }, ...value },
    },
  }) as CommandInit;
/** Asks a child to cancel. */
export const cancelChild = (seq: number, childSeq: number): CommandInit => ({
  seq,
  kind: { case: "cancelChild", value: { childSeq, reason: "enough" } },
});
/** Signals the run "o", unless told otherwise. */
export const signalOther = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: { case: "signalExternalWorkflow", value: { target: { workflowId: "o" }, name: "hello", ...value } },
  }) as CommandInit;
/** Asks the run "o" to cancel, unless told otherwise. */
export const cancelOther = (seq: number, value: object = {}): CommandInit =>
  ({
    seq,
    kind: { case: "cancelExternalWorkflow", value: { target: { workflowId: "o" }, reason: "r", ...value } },
  }) as CommandInit;
/** Goes on as a new run. */
export const continueAsNew = (value: object = {}): CommandInit =>
  ({ kind: { case: "continueAsNew", value } }) as CommandInit;

/** Terminates a run. */
export function terminate(world: World, workflowId: string): void {
  const input = { reason: "", details: undefined, requestId: "", contentHash: "", caller };
  world.apply(workflowId, (run, context) => terminateWorkflow(run, input, context));
}

/** A world with a parent "p" that has started these. */
export function parentOf(...starts: CommandInit[]): World {
  const world = newWorld();
  world.start("p");
  world.runTask("p", ...starts);
  return world;
}

/** A signal that comes with a start. */
export function signalStart(name: string, requestId = "") {
  const signal = {
    name,
    payload: undefined,
    header: undefined,
    links: [],
    requestId,
    contentHash: "h",
    caller,
  };
  return { ...startInput({}, { workflowId: "p", requestId, requestHash: "h" }), signal };
}
