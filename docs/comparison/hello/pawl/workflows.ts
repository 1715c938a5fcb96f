import { workflow } from "pawl/workflow";
import type * as activities from "./activities.js";

export const hello = workflow("Hello", async (ctx, name: string) => {
  const { greet } = ctx.activities<typeof activities>({ startToCloseTimeout: "10s" });
  return await greet(name);
});
