// Limits of what accounts set for themselves and for each other.

import { atChat, count } from "./limit.ts";

export const peopleLimits = {
  blocksPerAccount: count(10_000, atChat, "accounts that an account blocks", "Forbidden", { max: 100_000 }),
  peopleChangesPerSecond: count(
    5,
    atChat,
    "blocks, settings and profiles that an account changes, a second",
    "RateLimited",
  ),
  peopleChangesAtOnce: count(
    100,
    atChat,
    "blocks, settings and profiles that an account changes, at once",
    "RateLimited",
  ),
} as const;
