// Compares partners of conversations.

import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";

export function isSame(one: Partner | undefined, other: Partner | undefined): boolean {
  return one !== undefined && other !== undefined && keyOf(one) === keyOf(other);
}
