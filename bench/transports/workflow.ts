/** What workers of the comparison do: nothing, by way of an activity. */
import { workflow } from "../../src/sdk/workflow/index.js";

export const emptyActivity = "empty";

export const empty = workflow("Empty", async (ctx, _: null) => ctx.activity(emptyActivity));
