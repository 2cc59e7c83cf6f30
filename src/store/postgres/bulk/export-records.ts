// Rows of the statements of an export as its records.

import type { AccountRecord, DataRecord, MediaRecord } from "../../data-records.ts";
import { messageState } from "../message-state.ts";
import { fromText } from "../text.ts";
import type { AccountRow, GroupRow, MemberRow, MessageRow } from "./export-statements.ts";

export function memberOf(row: MemberRow, column: "from_id" | "until_id") {
  const role = row.is_owner ? "owner" : row.role > 0 ? "admin" : "member";
  // The entry of the change says when it left; without one it was after it had joined.
  const leftS = row.left_ns === null ? row.joined_ms / 1_000n : row.left_ns / 1_000_000_000n;
  return {
    group: fromText(row.group_id),
    account: fromText(row.account),
    role: row.is_open ? role : "member",
    alias: fromText(row.alias),
    joinTime: Number(row.joined_ms / 1_000n),
    ...(column === "until_id" && { leaveTime: Number(leftS) }),
    mutedUntil: Number(row.muted_until),
  } as const;
}

/** Undefined for a message of another app. */
export function messageRecord(
  app: string,
  row: MessageRow,
  reactions: readonly { readonly account: string; readonly reaction: string }[],
  media: readonly MediaRecord[],
): DataRecord | undefined {
  // What a deleted account has left has no text, and names nobody.
  if (fromText(row.sender_app) !== app || fromText(row.dest_app ?? "") !== app) return undefined;
  const state = row.state ?? 0;
  const dest = fromText(row.dest ?? "");
  const message = {
    messageId: `${row.id}`,
    sender: fromText(row.sender),
    ...(row.to_group ? { group: dest } : { account: dest }),
    sendTime: `${row.sent_ns}`,
    type: row.type,
    body: fromText(row.body),
    extra: fromText(row.extra),
    mentions: row.mentions === null ? [] : fromText(row.mentions).split(","),
    replyTo: `${row.reply_to ?? 0n}`,
    edited: (state & messageState.edited) !== 0,
    recalled: (state & messageState.recalled) !== 0,
    reactions,
    media,
  };
  return { message };
}

export function accountRecord(row: AccountRow): AccountRecord {
  return {
    account: fromText(row.account),
    write: row.write_rule ?? "everybody",
    add: row.add_rule ?? "everybody",
    blocked: row.blocked.map(fromText),
    devices: row.devices.map(fromText),
  };
}

export function groupRecord(row: GroupRow) {
  const owner = row.owner_app === row.app ? fromText(row.owner ?? "") : "";
  return {
    id: fromText(row.id),
    name: fromText(row.name),
    avatar: fromText(row.avatar),
    introduction: fromText(row.introduction),
    announcement: fromText(row.announcement),
    owner,
    createdAt: Number(row.created_ms / 1_000n),
    closed: row.closed,
    approval: row.approval,
    muted: row.for_admins,
    // Whoever owned it last was deleted, and nobody has inherited it.
    dismissed: row.dismissed_id > 0n || owner === "",
  };
}
