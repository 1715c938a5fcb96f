/** A worker that says it is there. */
import { waitAbortably } from "../wait.js";

/** What presence needs. */
export interface PresenceParts {
  /** How often, as the server wishes. */
  readonly intervalMs: () => number;
  readonly stopping: AbortSignal;
  /** Says so; answers whether the server wants the worker to go. */
  beat(): Promise<{ readonly isDraining: boolean }>;
  onDraining(): void;
}

/** Says that the worker is alive until it stops. One that is not heard is no harm: the next one is, and the server is patient. */
export async function stayPresent({ intervalMs, stopping, beat, onDraining }: PresenceParts): Promise<void> {
  while (!stopping.aborted) {
    await waitAbortably(intervalMs(), stopping);
    if (stopping.aborted) return;
    const answer = await beat().catch(() => undefined);
    if (answer?.isDraining === true && !stopping.aborted) onDraining();
  }
}
