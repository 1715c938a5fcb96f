/** The image service of the example. */
import { ApplicationFailure } from "../../src/sdk/worker/index.js";

export type BatchActivities = typeof batchActivities;

export const batchActivities = {
  async resize(image: string): Promise<string> {
    if (image.endsWith("13.png")) throw new ApplicationFailure(`${image} is broken`, { type: "Broken" });
    return image.replace(".png", ".small.png");
  },
};

/** So many images. */
export const imagesOf = (count: number) => Array.from({ length: count }, (_, index) => `${index}.png`);
