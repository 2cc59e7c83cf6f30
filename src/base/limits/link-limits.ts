// Limits of links between services.

import { atMembers, bytes, count, mib, ms } from "./limit.ts";

export const linkLimits = {
  requestsPerLink: count(100_000, atMembers, "requests in flight on a link between services", "ServiceUnavailable", {
    max: 131_072,
  }),
  unsentBytesPerLink: bytes(64 * mib, atMembers, "bytes that wait unsent on a link", "ServiceUnavailable", {
    min: mib,
  }),
  // Each side sends something every 3 s.
  linkSilenceMs: ms(15_000, atMembers, "silence on a link between services", "the link is closed, and dialled again", {
    min: 7_000,
    max: 600_000,
  }),
  handshakes: count(
    64,
    atMembers,
    "handshakes of links at a time",
    "the one that has been silent for the longest time is closed, 4008",
  ),
  handshakesPerAddress: count(
    16,
    atMembers,
    "handshakes of links of one address (not loopback) at a time",
    "the one that has been silent for the longest time is closed, 4008",
  ),
} as const;
