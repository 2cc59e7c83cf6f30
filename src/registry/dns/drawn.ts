// Random orders.

import type { Random } from "../../base/random.ts";

/** Yields the items in random order, each drawn on demand (Fisher and Yates). Modifies the array. */
export function* drawn<Item>(items: Item[], random: Random): Generator<Item, undefined> {
  for (let at = 0; at < items.length; at++) {
    const chosen = at + (random.uint32() % (items.length - at));
    const [item, other] = [items[at], items[chosen]];
    if (item === undefined || other === undefined) return;
    items[chosen] = item;
    yield other;
  }
}
