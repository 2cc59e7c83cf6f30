// Limits of what an account's talks and group changes cause at others.

import { atChat, bytes, count, mib } from "./limit.ts";

export const fanOutLimits = {
  fanOutPerSecond: count(
    25_000,
    atChat,
    "deliveries that an account's talks and group changes cause, a second",
    "RateLimited",
  ),
  fanOutAtOnce: count(
    30_000,
    atChat,
    "deliveries that an account's talks and group changes cause, at once",
    "RateLimited",
  ),
  fanOutBytes: bytes(
    64 * mib,
    atChat,
    "talks and notices to groups that are stored and wait to be pushed",
    "ServiceUnavailable",
    {
      min: mib,
    },
  ),
  noticeMembers: count(
    500,
    atChat,
    "online members of a group who are notified that somebody joined or left",
    "only the one who joined or left is notified",
  ),
} as const;
