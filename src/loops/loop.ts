/** A loop: one pass after another, each when it is due, until it is stopped. */

/** How a loop runs. */
export interface LoopOptions {
  /** One pass. A number it answers is after how many milliseconds the next is due; else it is after the usual time. */
  pass(): Promise<unknown>;
  /** The usual time between passes, and the time after a pass that failed, in milliseconds. */
  readonly everyMs: number;
  /** After a pass there is at least this pause, unless the loop is woken: what becomes due one by one is done together. 0 by default. */
  readonly pauseMs?: number;
  /**
   * Whether it rests after each pass for as long as that took, even if it is woken: work that may go on for hours then leaves half of the time to what
   * somebody waits for. Default false.
   */
  readonly isGentle?: boolean;
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
export function startLoop({ pass, everyMs, pauseMs = 0, isGentle = false, failed }: LoopOptions): Loop {
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

  async function rest(ms: number): Promise<void> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && !isStopped; left = until - performance.now()) await sleep(left);
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      isWoken = false;
      let nextMs = everyMs;
      const begin = performance.now();
      try {
        const answer = await pass();
        if (typeof answer === "number") nextMs = answer;
      } catch (error) {
        failed(error);
      }
      if (isGentle && !isStopped) await rest(performance.now() - begin);
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
