// What the other login and chat nodes of the environment announce about the session store in their metadata: while one
// of them knows an identity, an empty store may be theirs, restored without its data.

import type { Naming } from "../registry/client/naming.ts";
import { knownToNobody, type KnownIdentity } from "../session/redis/redis-owner.ts";

const services = ["login", "chat"];
/** The key of the metadata in which a node names the identity of its session store. */
const sessionsKey = "sessions";

/**
 * Returns a function that asks the registry: the identity that most of the others announce; `knownToNobody` if a
 * registry node answers and no listed node announces one, as at a first start or beside programs of the previous
 * version; undefined if no registry node answers. `id` is this process's own.
 */
export function knownSessionsIdentity(naming: Pick<Naming, "find">, id: string): KnownIdentity {
  return async () => {
    const votes = new Map<string, number>();
    try {
      for (const service of services) {
        for (const { hostname, metadata } of await naming.find(service)) {
          const identity = hostname === id ? undefined : metadata.get(sessionsKey);
          if (identity !== undefined && identity !== "") votes.set(identity, (votes.get(identity) ?? 0) + 1);
        }
      }
    } catch {
      // No registry node answers: others may know one anyway.
      return undefined;
    }
    const [first] = [...votes].toSorted(([, a], [, b]) => b - a);
    return first?.[0] ?? knownToNobody;
  };
}
