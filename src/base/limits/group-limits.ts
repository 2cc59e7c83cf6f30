// Limits of groups: their number, how fast they and their members are created, and how fast accounts are.

import { atChat, bytes, count, kib } from "./limit.ts";

export const groupLimits = {
  groupsPerAccount: count(2_000, atChat, "groups that an account has created or joined by itself", "Forbidden"),
  groupsPutPerAccount: count(
    2_000,
    atChat,
    "groups that others have put an account in",
    "left out of the new group; Forbidden where the owner adds it",
  ),
  groupMembers: count(100_000, atChat, "members of a group", "Forbidden"),
  // Maximum: the notification, which names all members, fits into a frame of a link.
  groupCreateMembers: count(10_000, atChat, "members named when creating a group", "PayloadTooLarge", {
    max: 50_000,
  }),
  groupTextBytes: bytes(
    4 * kib,
    atChat,
    "a group's name, avatar, introduction, announcement, each",
    "PayloadTooLarge",
    {
      max: 64 * kib,
    },
  ),
  groupChangesPerSecond: count(10, atChat, "groups that an account creates or changes, a second", "RateLimited"),
  groupChangesAtOnce: count(200, atChat, "groups that an account creates or changes, at once", "RateLimited"),
  membersAddedPerSecond: count(50, atChat, "members that an account adds to groups, a second", "RateLimited"),
  // Creating the largest group takes these at once.
  membersAddedAtOnce: count(20_000, atChat, "members that an account adds to groups, at once", "RateLimited"),
  invitationsPerGroup: count(100, atChat, "invitations to a group", "Forbidden", { max: 10_000 }),
  // What an account guesses of 128 random bits with these is nothing.
  invitationTriesPerMinute: count(1, atChat, "wrong invitations that an account tries, a minute", "RateLimited"),
  invitationTriesAtOnce: count(20, atChat, "wrong invitations that an account tries, at once", "RateLimited"),
  joinRequestsPerGroup: count(1_000, atChat, "requests to join a group", "Forbidden", { max: 100_000 }),
  joinRequestsPerAccount: count(100, atChat, "requests to join of an account", "Forbidden", { max: 10_000 }),
  accountsMadePerSecond: count(
    20,
    atChat,
    "accounts that nobody has used before to which an account writes, a second",
    "RateLimited",
  ),
  accountsMadeAtOnce: count(
    10_000,
    atChat,
    "accounts that nobody has used before to which an account writes, at once",
    "RateLimited",
  ),
} as const;
