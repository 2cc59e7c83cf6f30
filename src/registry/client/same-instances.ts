// Compares lists of instances for callers that connect to them. Timestamps do not count: they differ between nodes, and
// increase when an unchanged instance registers again.

import { type Instance, instanceKey } from "../instance.ts";

/** Reports whether both lists have the same instances with the same attributes, in any order. */
export function sameInstances(one: readonly Instance[], other: readonly Instance[]): boolean {
  if (one.length !== other.length) return false;
  const known = new Map(one.map((instance) => [instanceKey(instance), instance]));
  return other.every((instance) => {
    const before = known.get(instanceKey(instance));
    return before !== undefined && sameAttributes(before, instance);
  });
}

function sameAttributes(one: Instance, other: Instance): boolean {
  return (
    one.region === other.region &&
    one.version === other.version &&
    one.status === other.status &&
    one.addrs.length === other.addrs.length &&
    one.addrs.every((addr, at) => addr === other.addrs[at]) &&
    one.metadata.size === other.metadata.size &&
    one.metadata.entries().every(([key, value]) => other.metadata.get(key) === value)
  );
}
