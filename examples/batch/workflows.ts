/** A thousand things to do, a few at a time. */
import { defineQuery, workflow } from "../../src/sdk/workflow/index.js";
import type { BatchActivities } from "./activities.js";

/** What to do. */
export interface Batch {
  readonly images: readonly string[];
  /** How many are under way at once. */
  readonly concurrency: number;
}

/** How far a batch is. */
export interface Progress {
  readonly done: number;
  readonly failed: readonly string[];
  readonly underWay: number;
}

/** Asks how far it is. */
export const progress = defineQuery<Progress>("progress");

/** Resizes all images; those that can't be resized are named. */
export const resizeAll = workflow(
  "ResizeAll",
  async (ctx, { images, concurrency }: Batch): Promise<Progress> => {
    const { resize } = ctx.activities<BatchActivities>({
      startToCloseTimeout: "1m",
      retry: { maximumAttempts: 3, nonRetryableTypes: ["Broken"] },
    });
    let done = 0;
    let underWay = 0;
    const failed: string[] = [];
    ctx.onQuery(progress, () => ({ done, failed, underWay }));

    await eachOf(images, concurrency, async (image) => {
      underWay++;
      await resize(image).then(
        () => done++,
        () => failed.push(image),
      );
      underWay--;
    });
    return { done, failed, underWay };
  },
);

/** Works on all items, at most so many at once: that many lanes, each of which takes the next item when it is done with one. */
async function eachOf<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const lane = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
