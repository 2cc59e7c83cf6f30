// Limits of files that messages name.

import { atChat, bytes, count, gib, mib } from "./limit.ts";

export const mediaLimits = {
  // Maximum: what an S3-compatible store copies, or takes in one request.
  mediaBytes: bytes(100 * mib, atChat, "a file that messages name", "PayloadTooLarge", { max: 5 * gib }),
  mediaUnnamed: count(100, atChat, "files of an account that no message names yet", "Forbidden", { max: 10_000 }),
  mediaUnnamedBytes: bytes(gib, atChat, "bytes of the files of an account that no message names yet", "Forbidden", {
    max: 1024 * gib,
  }),
  mediaAccountBytes: bytes(
    10 * gib,
    atChat,
    "bytes of all files of an account (not the system's), on all nodes; what is removed counts for up to a minute",
    "Forbidden",
    { max: 1024 * 1024 * gib },
  ),
  mediaTicketsPerSecond: count(10, atChat, "tickets for files that an account asks for, a second", "RateLimited"),
  mediaTicketsAtOnce: count(200, atChat, "tickets for files that an account asks for, at once", "RateLimited"),
} as const;
