/** The end of a run by which another begins in its place. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { toMs } from "../duration.js";
import { encodePayload } from "../payload.js";
import { retryPolicy } from "../retry-policy.js";
import { encodeAttributes } from "../search-attributes.js";
import { encodeMemo } from "../start-options.js";
import type { ContinueAsNewOptions } from "../workflow/options.js";
import { RunEndedError } from "./command-log.js";
import type { RunParts } from "./run-parts.js";

/** Ends the run. What has no taker goes with it. */
export function continueAsNew(
  { log, signals, started }: RunParts,
  input: unknown,
  options: ContinueAsNewOptions,
): never {
  const { workflow = started.workflowType, taskQueue = "", runTimeout, workflowTaskTimeout, retry } = options;
  const payload = encodePayload(input);
  log.close({
    case: "continueAsNew",
    value: {
      workflowType: typeof workflow === "string" ? workflow : workflow.type,
      taskQueue,
      carriedSignalEventIds: signals.untakenEventIds(log.turn.arrived),
      searchAttributes: encodeAttributes(options.searchAttributes ?? {}),
      memo: encodeMemo(options.memo ?? {}),
      keepChildren: options.keepChildren ?? false,
      ...(payload && { input: payload }),
      ...(started.header && { header: started.header }),
      ...(runTimeout !== undefined && { runTimeout: durationFromMs(toMs(runTimeout)) }),
      ...(workflowTaskTimeout !== undefined && {
        workflowTaskTimeout: durationFromMs(toMs(workflowTaskTimeout)),
      }),
      ...(retry && { retryPolicy: retryPolicy(retry) }),
    },
  });
  throw new RunEndedError("the run has ended and another goes on in its place");
}
