// Limits of what accounts set for themselves and for each other.

import { atChat, count } from "./limit.ts";

export const peopleLimits = {
  blocksPerAccount: count(10_000, atChat, "accounts that an account blocks", "Forbidden", { max: 100_000 }),
} as const;
