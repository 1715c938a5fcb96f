import type { Scene } from "../scene.js";

/** Removes all that is kept no longer, and what is left of deleted namespaces. */
export async function expire({ house }: Scene): Promise<void> {
  const { upkeep } = house.main.server;
  for (let isBusy = true; isBusy; ) {
    isBusy = (await upkeep.expire()) <= 1_000;
    while ((await upkeep.clearDeletions()) === 0);
  }
}
