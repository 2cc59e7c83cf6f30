// pkt.EntryKind of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

/** What an entry of the log is. Everybody in a conversation sees its entries in the order of their ids. */
export const EntryKind = {
  EntryMessage: 0,
  EntryEdited: 1,
  EntryRecalled: 2,
  EntryReacted: 3,
  EntryGroupCreated: 16,
  EntryGroupUpdated: 17,
  EntryGroupJoined: 18,
  EntryGroupLeft: 19,
  EntryGroupRemoved: 20,
  EntryGroupRole: 21,
  EntryGroupMuted: 22,
  EntryGroupTransferred: 23,
  EntryGroupPinned: 24,
  EntryGroupDismissed: 25,
  EntryGroupSettings: 26,
  EntryGroupAlias: 27,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind] | UnknownEnum;
