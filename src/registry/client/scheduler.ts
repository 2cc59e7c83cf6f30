// The scheduler of a bilibili/discovery registry: the weights of zones for the clients of each zone. As in that
// program's own client, instances get final weights: a zone's share follows the zone's weight, however many instances
// it has. A zone that the scheduler does not name gets nothing while a named one has an instance.
//
// A scheduler has one of two shapes. Malformed parts are ignored: they are no reason to refuse the answer.

import { type Fields, isFields } from "../../base/json-fields.ts";
import { weightMax } from "../../base/limits/fixed.ts";
import type { Instance } from "../instance.ts";
import { finalWeights, instanceWeight } from "./zone-balance.ts";

/** The weights of zones, by the client's zone. */
export type Scheduler = ReadonlyMap<string, ReadonlyMap<string, number>>;

const none: Scheduler = new Map();

/**
 * Reads `{"clients": {ZONE: {"zones": {ZONE: {"weight": WEIGHT}}}}}` or `[{"src": ZONE, "dst": {ZONE: WEIGHT}}]`. A
 * weight is a whole number from 0 to weightMax; a zone with any other weight is ignored.
 */
export function schedulerOf(value: unknown): Scheduler {
  if (value === undefined || value === null) return none;
  const clients = new Map<string, ReadonlyMap<string, number>>();
  if (Array.isArray(value)) {
    for (const item of value) {
      const { src, dst } = membersOf(item);
      if (typeof src === "string")
        clients.set(
          src,
          weightsOf(dst, (weight) => weight),
        );
    }
  } else {
    for (const [zone, client] of Object.entries(membersOf(membersOf(value)["clients"])))
      clients.set(
        zone,
        weightsOf(membersOf(client)["zones"], (entry) => membersOf(entry)["weight"]),
      );
  }
  return clients;
}

/** Returns the instances with final weights in their metadata, if the scheduler names the client's zone. */
export function scheduled(
  { instances, scheduler }: { readonly instances: readonly Instance[]; readonly scheduler: Scheduler },
  zone: string,
): readonly Instance[] {
  const named = scheduler.get(zone);
  if (named === undefined) return instances;
  const zoneWeights = new Map(instances.map((instance) => [instance.zone, named.get(instance.zone) ?? 0]));
  const finals = finalWeights(instances, instanceWeight, zoneWeights);
  const largest = finals.reduce((one, other) => Math.max(one, other), 0);
  if (largest === 0) return instances;
  return instances.map((instance, at) => {
    const share = (finals[at] ?? 0) / largest;
    // Whole numbers; a positive share does not become 0.
    const weight = share === 0 ? 0 : Math.max(1, Math.round(share * weightMax));
    return { ...instance, metadata: new Map([...instance.metadata, ["weight", String(weight)]]) };
  });
}

function weightsOf(value: unknown, weightOf: (entry: unknown) => unknown): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const [zone, entry] of Object.entries(membersOf(value))) {
    const weight = weightOf(entry);
    if (typeof weight !== "number" || !Number.isInteger(weight) || weight < 0 || weight > weightMax) continue;
    weights.set(zone, weight);
  }
  return weights;
}

/** Returns an object's members, and none for any other value. */
function membersOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
