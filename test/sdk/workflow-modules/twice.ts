/** Two workflows that can't be told apart. */
import { workflow } from "../../../src/sdk/workflow/index.js";

export const one = workflow("Same", async () => 1);
export const two = workflow("Same", async () => 2);
