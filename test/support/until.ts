import { setTimeout as delay } from "node:timers/promises";

/** Waits for something that no event tells, such as the end of a process of somebody else's. Throws when it takes too long. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  options: { withinMs: number } = { withinMs: 10_000 },
): Promise<void> {
  const deadline = Date.now() + options.withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${options.withinMs} ms: ${what}`);
    await delay(10);
  }
}
