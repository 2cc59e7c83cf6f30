// The scheduler of a registry of bilibili/discovery: it says what each zone weighs for the clients of a zone. As that
// program's own client does, the weights of instances become final ones: a zone's share follows the zone's weight,
// however many instances it has. Zones that the scheduler does not name get nothing while one that it names has an
// instance.
//
// A scheduler comes in two shapes, and is no reason to refuse what stands beside it: what of it cannot be read says
// nothing.

import { type Fields, isFields } from "../../base/json-fields.ts";
import { weightMax } from "../../base/limits/fixed.ts";
import type { Instance } from "../instance.ts";
import { finalWeights, instanceWeight } from "./zone-balance.ts";

/** By the client's zone: what zones weigh. */
export type Scheduler = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Of a service without one, shared. */
const none: Scheduler = new Map();

/**
 * Reads `{"clients": {ZONE: {"zones": {ZONE: {"weight": WEIGHT}}}}}` or `[{"src": ZONE, "dst": {ZONE: WEIGHT}}]`. A
 * weight is a whole number from 0 to weightMax; a zone with another one is not named.
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

/**
 * The instances as a client in `zone` weighs them: with final weights in their metadata where the scheduler names the
 * zone.
 */
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
    // Whole numbers; whoever gets something does not get nothing.
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
