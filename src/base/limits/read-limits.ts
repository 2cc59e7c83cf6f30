// Limits of the answers to reads: pages of the index, contents, group members.

import { atChat, atClients, bytes, kib, mib } from "./limit.ts";

export const readLimits = {
  readBytes: bytes(
    16 * mib,
    atChat,
    "answers to reads that are being made, as large as they may get",
    "the read waits",
  ),
  readBytesPerAccount: bytes(
    64 * mib,
    atChat,
    "answers to reads of an account that are to be made, as large as they may get",
    "RateLimited",
    { min: 4 * mib },
  ),
  readsWaitingBytes: bytes(32 * mib, atChat, "reads that wait", "ServiceUnavailable"),
  readerUnsentBytes: bytes(
    512 * kib,
    atClients,
    "bytes that wait unsent for a connection that reads on",
    "RateLimited",
  ),
} as const;
