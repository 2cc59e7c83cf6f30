// Limits of the API for back ends.

import { atChat, bytes, count, mib } from "./limit.ts";

export const apiLimits = {
  apiRequestsPerSecond: count(20_000, atChat, "requests of a key of the API, a second", "resource_exhausted"),
  apiRequestsAtOnce: count(40_000, atChat, "requests of a key of the API, at once", "resource_exhausted"),
  apiBytes: bytes(64 * mib, atChat, "bodies of requests of the API that are under way", "unavailable", {
    min: 4 * mib,
  }),
} as const;
