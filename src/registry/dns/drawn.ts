// Random orders.

import type { Random } from "../../base/random.ts";

/**
 * The items in a random order, each drawn when it is asked for (Fisher and Yates). Changes the array that it is given.
 */
export function* drawn<Item>(items: Item[], random: Random): Generator<Item, undefined> {
  for (let at = 0; at < items.length; at++) {
    const chosen = at + (random.uint32() % (items.length - at));
    const [item, other] = [items[at], items[chosen]];
    if (item === undefined || other === undefined) return;
    items[chosen] = item;
    yield other;
  }
}
