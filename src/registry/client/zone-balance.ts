// Client-side balancing over zones: a zone's share of the traffic follows the zone's own weight, however many instances
// it has. Pure.
//
// The original's calibration(z) = zw(z) · ∏ w(all zones) / w(z) contains a product that overflows and is common to all
// zones. Only ratios count, so it is omitted: final(i) = zw(z) · w(i) / w(z). Weights are divided by the largest one of
// their kind first, so that no sum overflows either.

import { weightMax } from "../../base/limits/fixed.ts";
import type { Instance } from "../instance.ts";

/** The weight of an instance without `weight`, and of a zone that is not named while others are. */
export const weightDefault = 1;

const wholeNumber = /^\d{1,7}$/;

/** Returns `weight` of the metadata, from 0 (receives nothing) to weightMax; anything else counts as the default. */
export function instanceWeight({ metadata }: Pick<Instance, "metadata">): number {
  const text = metadata.get("weight");
  if (text === undefined || !wholeNumber.test(text)) return weightDefault;
  const weight = Number(text);
  return weight <= weightMax ? weight : weightDefault;
}

/**
 * Returns the final weight of each instance, in their order, from 0 to 1; only their ratios matter.
 * @param weightOf an instance's own weight; negative or non-finite weights count as 0
 * @param zoneWeights each zone's own weight; a zone that is not named weighs 1. Without any, zones are not balanced and
 * each instance has its own weight
 */
export function finalWeights<Item extends Pick<Instance, "zone">>(
  instances: readonly Item[],
  weightOf: (instance: Item) => number,
  zoneWeights: ReadonlyMap<string, number>,
): number[] {
  const own = normalised(instances.map(weightOf));
  if (zoneWeights.size === 0) return own;
  const zones = new Map<string, { largest: number; sum: number; share: number }>();
  instances.forEach(({ zone }, at) => {
    const known = zones.getOrInsertComputed(zone, () => ({ largest: 0, sum: 0, share: 0 }));
    known.largest = Math.max(known.largest, own[at] ?? 0);
  });
  // Relative to the zone's largest weight, or a zone of light instances would vanish beside a zone of heavy ones.
  const inZone = instances.map(({ zone }, at) => {
    const known = zones.get(zone);
    if (known === undefined || known.largest === 0) return 0;
    const weight = (own[at] ?? 0) / known.largest;
    known.sum += weight;
    return weight;
  });
  const shares = normalised([...zones.keys()].map((zone) => zoneWeights.get(zone) ?? weightDefault));
  [...zones.values()].forEach((known, at) => {
    known.share = shares[at] ?? 0;
  });
  return instances.map(({ zone }, at) => {
    const known = zones.get(zone);
    // A zone whose weights sum to zero receives nothing; its share goes to the others.
    return known === undefined || known.sum === 0 ? 0 : (known.share * (inZone[at] ?? 0)) / known.sum;
  });
}

/** Divides weights by the largest one; all are 0 if none is positive. */
function normalised(weights: readonly number[]): number[] {
  const sane = weights.map((weight) => (Number.isFinite(weight) && weight > 0 ? weight : 0));
  const largest = sane.reduce((one, other) => Math.max(one, other), 0);
  return largest === 0 ? sane : sane.map((weight) => weight / largest);
}
