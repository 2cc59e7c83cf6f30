// How many groups there may be, and how fast they may be made.

import { atChat, bytes, count, kib } from "./limit.ts";

export const groupLimits = {
  groupsPerAccount: count(2_000, atChat, "groups that an account has created or joined", "Forbidden"),
  groupMembers: count(100_000, atChat, "members of a group", "Forbidden"),
  groupCreateMembers: count(10_000, atChat, "members named when creating a group", "PayloadTooLarge"),
  groupTextBytes: bytes(4 * kib, atChat, "a group's name, avatar, introduction, each", "PayloadTooLarge"),
} as const;
