// Limits of messages, and of requests to read them.

import { contentIdsAsked } from "./fixed.ts";
import { atChat, bytes, count, kib } from "./limit.ts";

export const messageLimits = {
  // Maxima: the answer to a request for `contentIdsAsked` ids fits into a frame of a link.
  messageBodyBytes: bytes(16 * kib, atChat, "a message's body", "PayloadTooLarge", { max: 64 * kib }),
  messageExtraBytes: bytes(4 * kib, atChat, "a message's extra", "PayloadTooLarge", { max: 12 * kib }),
  indexEntries: count(2_000, atChat, "entries of one index answer", "the rest comes with the next request", {
    max: 20_000,
  }),
  contentIds: count(200, atChat, "ids of one content request", "PayloadTooLarge", {
    min: contentIdsAsked,
    max: 1_000,
  }),
} as const;
