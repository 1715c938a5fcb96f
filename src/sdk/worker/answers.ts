/** What a worker tells the server about its tasks, in batches. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { OperationError } from "../../../gen/pawl/v1/error_pb.js";
import type {
  ActivityCompletionSchema,
  ActivityFailureReportSchema,
  ActivityHeartbeatSchema,
  ActivityTaskAccepted,
  WorkflowTaskAccepted,
  WorkflowTaskFailureReportSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import type { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import type { UnaryClient } from "../connection.js";
import { errorFromOutcome, type PawlError } from "../errors.js";
import { type Batcher, createBatcher } from "./batcher.js";
import type { Registration } from "./registration.js";
import type { SealedTaskService } from "./sealed-tasks.js";

/** The answers of a worker, by what they are about. */
export interface Answers {
  /** Each a WorkflowTaskCompletion, as it is written. */
  readonly workflowCompletions: Batcher<Uint8Array, WorkflowTaskAccepted>;
  readonly workflowFailures: Batcher<
    MessageInitShape<typeof WorkflowTaskFailureReportSchema>,
    WorkflowTaskAccepted
  >;
  readonly activityCompletions: Batcher<
    MessageInitShape<typeof ActivityCompletionSchema>,
    ActivityTaskAccepted
  >;
  readonly activityFailures: Batcher<
    MessageInitShape<typeof ActivityFailureReportSchema>,
    ActivityTaskAccepted
  >;
  readonly activityHeartbeats: Batcher<
    MessageInitShape<typeof ActivityHeartbeatSchema>,
    ActivityTaskAccepted
  >;
}

/** What answers need. */
export interface AnswerParts {
  readonly rpc: UnaryClient<typeof WorkerService>;
  readonly sealedRpc: UnaryClient<typeof SealedTaskService>;
  /** Who answers. */
  readonly caller: { readonly namespace: string; readonly workerId: string; readonly identity: string };
  readonly registration: Registration;
}

interface Outcome<A> {
  readonly outcome:
    | { case: "accepted"; value: A }
    | { case: "error"; value: OperationError }
    | { case: undefined; value?: undefined };
}

const maxItems = 100;
const maxHeartbeats = 1_000;
/** Two, so that one slow commit does not hold back all that is finished meanwhile. */
const maxInFlight = 2;

/** Makes the batchers of a worker. */
export function createAnswers({ rpc, sealedRpc, caller, registration }: AnswerParts): Answers {
  return {
    workflowCompletions: createBatcher({
      maxItems,
      maxInFlight,
      async send(items) {
        const request = { ...caller, completions: [...items] };
        return readOutcomes(
          (await registration.call(() => sealedRpc.completeWorkflowTasks(request))).outcomes,
        );
      },
    }),
    workflowFailures: createBatcher({
      maxItems,
      maxInFlight,
      async send(items) {
        const request = { ...caller, failures: [...items] };
        return readOutcomes((await registration.call(() => rpc.failWorkflowTasks(request))).outcomes);
      },
    }),
    activityCompletions: createBatcher({
      maxItems,
      maxInFlight,
      async send(items) {
        const request = { ...caller, completions: [...items] };
        return readOutcomes((await registration.call(() => rpc.completeActivityTasks(request))).outcomes);
      },
    }),
    activityFailures: createBatcher({
      maxItems,
      maxInFlight,
      async send(items) {
        const request = { ...caller, failures: [...items] };
        return readOutcomes((await registration.call(() => rpc.failActivityTasks(request))).outcomes);
      },
    }),
    activityHeartbeats: createBatcher({
      maxItems: maxHeartbeats,
      maxInFlight,
      async send(items) {
        const { namespace, workerId } = caller;
        const request = { namespace, workerId, heartbeats: [...items] };
        return readOutcomes((await registration.call(() => rpc.heartbeatActivityTasks(request))).outcomes);
      },
    }),
  };
}

function readOutcomes<A>(outcomes: readonly Outcome<A>[]): (A | PawlError | undefined)[] {
  return outcomes.map(({ outcome }) =>
    outcome.case === "error" ? errorFromOutcome(outcome.value) : outcome.value,
  );
}
