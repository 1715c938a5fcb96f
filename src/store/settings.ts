/** The settings that the connections of a running server have. */
import type { Settings } from "./pool.js";

/** Plans that rest on indexes alone: one that was made while the tables were empty stays right when they are full. */
export const planSettings: Settings = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
  default_transaction_isolation: "read committed",
};

/** What was acknowledged stays, whatever the database's own settings are. */
export const durableSettings: Settings = { synchronous_commit: "on", lock_timeout: 1_000 };
