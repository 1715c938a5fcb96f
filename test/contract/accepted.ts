/** What a call about one task was told. */
import type { OperationError } from "../../gen/pawl/v1/error_pb.js";

interface Outcome<Accepted> {
  outcome:
    | { case: "accepted"; value: Accepted }
    | { case: "error"; value: OperationError }
    | { case: undefined; value?: undefined };
}

/** Waits for a call to be accepted in its only element. Throws if it is not. */
export async function accepted<Accepted>(
  call: Promise<{ readonly outcomes: readonly Outcome<Accepted>[] }>,
): Promise<Accepted> {
  const { outcomes } = await call;
  const [outcome] = outcomes;
  if (outcomes.length !== 1 || outcome?.outcome.case !== "accepted")
    throw new Error(`not accepted: ${JSON.stringify(outcome?.outcome)}`);
  return outcome.outcome.value;
}
