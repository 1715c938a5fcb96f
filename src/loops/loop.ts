/** A loop: one pass after another, each when it is due, until it is stopped. */

/** How a loop runs. */
export interface LoopOptions {
  /** One pass. A number it answers is after how many milliseconds the next is due; else it is after the usual time. */
  pass(): Promise<unknown>;
  /** The usual time between passes, and the time after a pass that failed, in milliseconds. */
  readonly everyMs: number;
  /** After a pass there is at least this pause, unless the loop is woken: what becomes due one by one is done together. 0 by default. */
  readonly pauseMs?: number;
  /** Told of a pass that failed; the loop goes on. */
  failed(error: unknown): void;
}

/** A running loop. */
export interface Loop {
  /** Makes the next pass due now. */
  wake(): void;
  /** Resolves when the pass in hand is over; no other follows. May be called again. */
  stop(): Promise<void>;
}

/** Starts a loop with a pass at once. */
export function startLoop({ pass, everyMs, pauseMs = 0, failed }: LoopOptions): Loop {
  let isStopped = false;
  let isWoken = false;
  let endSleep: () => void = () => undefined;

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      isWoken = false;
      let nextMs = everyMs;
      try {
        const answer = await pass();
        if (typeof answer === "number") nextMs = answer;
      } catch (error) {
        failed(error);
      }
      if (!isWoken && !isStopped) await sleep(Math.max(nextMs, pauseMs));
    }
  }

  const running = run();
  return {
    wake() {
      isWoken = true;
      endSleep();
    },
    async stop() {
      isStopped = true;
      endSleep();
      await running;
    },
  };
}
