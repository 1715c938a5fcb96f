/** Namespaces by name. What is found is kept for a while; what is not found is asked again each time. */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Database } from "../store/database.js";
import { findNamespace, type NamespaceRow } from "../store/namespaces.js";

/** Finds namespaces. */
export interface NamespaceCache {
  /** Throws NAMESPACE_NOT_FOUND. */
  find(name: string): Promise<NamespaceRow>;
  /** Looks for names, so that those that exist are known for a while. */
  prepare(names: Iterable<string>): Promise<void>;
  /** A namespace that was found lately. */
  known(name: string): NamespaceRow | undefined;
  /** Looks anew when it is asked next. */
  forget(name: string): void;
}

const keptMs = 10_000;

/** Opens an empty cache. */
export function openNamespaceCache(database: Database, nowMs: () => number = Date.now): NamespaceCache {
  const known = new Map<string, { namespace: NamespaceRow; until: number }>();

  async function lookUp(name: string): Promise<NamespaceRow | undefined> {
    const cached = known.get(name);
    if (cached !== undefined && cached.until > nowMs()) return cached.namespace;
    known.delete(name);
    const namespace = await findNamespace(database.read, name);
    if (namespace !== undefined) known.set(name, { namespace, until: nowMs() + keptMs });
    return namespace;
  }

  return {
    async find(name) {
      const namespace = await lookUp(name);
      if (namespace === undefined) throw namespaceNotFound(name);
      return namespace;
    },
    async prepare(names) {
      await Promise.all([...new Set(names)].map(lookUp));
    },
    known: (name) => known.get(name)?.namespace,
    forget: (name) => void known.delete(name),
  };
}

/** There is no namespace of this name. */
export function namespaceNotFound(name: string): RefusedError {
  return new RefusedError(
    ErrorReason.NAMESPACE_NOT_FOUND,
    `there is no namespace "${name}": create it, or correct its name`,
    {
      namespace: name,
    },
  );
}
