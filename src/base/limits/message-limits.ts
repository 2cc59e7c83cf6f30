// What a message may hold, and what one who reads may ask for.

import { atChat, bytes, count, kib } from "./limit.ts";

export const messageLimits = {
  messageBodyBytes: bytes(16 * kib, atChat, "a message's body", "PayloadTooLarge"),
  messageExtraBytes: bytes(4 * kib, atChat, "a message's extra", "PayloadTooLarge"),
  indexEntries: count(2_000, atChat, "entries of one index answer", "the rest comes with the next request"),
  contentIds: count(200, atChat, "ids of one content request", "PayloadTooLarge"),
} as const;
