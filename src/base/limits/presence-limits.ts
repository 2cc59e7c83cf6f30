// Limits of presence and signals.

import { atChat, count } from "./limit.ts";

export const presenceLimits = {
  // Minimum: what one request may name.
  watchesPerConnection: count(1_000, atChat, "accounts whose presence a connection watches", "Forbidden", {
    min: 200,
    max: 100_000,
  }),
  // Each holds 130 to 330 bytes (roles/chat/presence/watches.ts).
  presenceWatches: count(
    1_000_000,
    atChat,
    "accounts whose presence all connections watch, each counted for each connection",
    "ServiceUnavailable",
    { min: 200 },
  ),
  // The store decides about each. All devices of an account watch anew when their gateway is lost.
  watchedPerSecond: count(200, atChat, "accounts that an account asks to watch, a second", "RateLimited"),
  watchedAtOnce: count(20_000, atChat, "accounts that an account asks to watch, at once", "RateLimited", {
    min: 200,
  }),
  signalsPerSecond: count(20, atChat, "signals that an account sends, a second", "RateLimited"),
  signalsAtOnce: count(100, atChat, "signals that an account sends, at once", "RateLimited"),
  signalMembers: count(
    200,
    atChat,
    "online members of a group who are shown that somebody types",
    "nobody is shown it",
    {
      max: 10_000,
    },
  ),
} as const;
