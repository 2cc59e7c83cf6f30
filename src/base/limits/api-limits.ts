// Limits of the API for back ends.

import { atChat, bytes, count, mib } from "./limit.ts";

export const apiLimits = {
  apiRequestsPerSecond: count(20_000, atChat, "requests of a key of the API, a second", "resource_exhausted"),
  apiRequestsAtOnce: count(40_000, atChat, "requests of a key of the API, at once", "resource_exhausted"),
  apiStrangers: count(
    1_024,
    atChat,
    "connections of the API that have sent no request with a valid key or ticket",
    "the oldest is closed",
    { min: 32 },
  ),
  apiStrangersPerAddress: count(128, atChat, "the same from one address (not loopback)", "the oldest is closed"),
  apiBytes: bytes(64 * mib, atChat, "bodies of requests of the API that are under way", "unavailable", {
    min: 4 * mib,
  }),
} as const;
