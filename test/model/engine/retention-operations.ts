/** How runs are kept and go in the model over two servers. */
import { create } from "@bufbuild/protobuf";
import { UpdateNamespaceRequestSchema } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { ms } from "../../support/actor.js";
import { callOf } from "../../support/engine.js";
import type { Operation } from "./callers.js";

/** Longer than what passes in one step of the test, so that all that goes was read before. */
const leastKeptMs = 120_000;
const month = 30 * 24 * 3_600_000;

/** They, by name. */
export const retentionOperations: Record<string, Operation> = {
  updateRetention: {
    weight: 1,
    async play(world, { a, b }) {
      const keptMs = [leastKeptMs, 150_000, 200_000, month][a % 4] ?? month;
      world.retained(keptMs);
      const request = { name: world.namespace, retention: ms(keptMs) };
      const { operations } = world.servers[b % world.servers.length] ?? {};
      await operations?.updateNamespace(create(UpdateNamespaceRequestSchema, request), callOf());
    },
  },
  /** All servers remove what is due at once, while others start, signal, reset and delete runs of the same ids. */
  expire: {
    weight: 3,
    async play({ servers }, { a }) {
      await Promise.all(servers.map(({ upkeep }) => upkeep.expire()));
      await servers[a % servers.length]?.upkeep.clearDeletions();
    },
  },
  /** A while passes, once all that happens now is over. */
  passMinutes: {
    weight: 1,
    async play(world, { a }) {
      if (a % 3 === 0) world.laterMs = leastKeptMs + 10_000;
    },
  },
};
