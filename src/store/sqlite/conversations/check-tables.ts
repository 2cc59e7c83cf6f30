// Checks the tables of conversations: what they refer to must exist, unless the retention has deleted it.

import type { Database } from "bun:sqlite";
import { messageState } from "./tables.ts";

const { recalled, hasReactions } = messageState;

/** A condition for an id that names no message. Ids below the oldest message are those of deleted ones. */
export function isDangling(column: string): string {
  return `${column} >= (SELECT min(id) FROM message) AND ${column} NOT IN (SELECT id FROM message)`;
}

/** Columns that name a message. Of messages themselves, the column; of the others, the row is about that message. */
export const referringColumns = {
  messages: ["thread", "reply_to"],
  rows: [
    ["entry", "refers"],
    ["mention", "id"],
    ["reaction", "message"],
    ["hidden", "id"],
    ["media_use", "message"],
    ["pin", "message"],
  ],
} as const;

const questions: readonly [what: string, sql: string][] = [
  ["entries refer to a message that does not exist", dangling("entry", "refers")],
  ["messages are in a thread whose first message does not exist", dangling("message", "thread")],
  ["messages reply to a message that does not exist", dangling("message", "reply_to")],
  ["mentions are of a message that does not exist", dangling("mention", "id")],
  ["reactions are to a message that does not exist", dangling("reaction", "message")],
  ["hidden messages do not exist", dangling("hidden", "id")],
  ["entries have the id of a message", "SELECT 1 FROM entry e JOIN message m ON m.id = e.id"],
  [
    "recalled messages have a text",
    `SELECT 1 FROM message WHERE state & ${recalled} AND (body <> '' OR extra <> '' OR mentions IS NOT NULL)`,
  ],
  [
    "messages are said to have no reactions, and have some",
    `SELECT DISTINCT r.message FROM reaction r JOIN message m ON m.id = r.message
     WHERE ifnull(m.state, 0) & ${hasReactions} = 0`,
  ],
  ["actors of entries have no name", "SELECT DISTINCT actor FROM entry EXCEPT SELECT number FROM account"],
  ["accounts with reactions have no name", "SELECT DISTINCT account FROM reaction EXCEPT SELECT number FROM account"],
  [
    "conversations are of accounts without a name",
    "SELECT DISTINCT account FROM conversation EXCEPT SELECT number FROM account",
  ],
  [
    "conversations have a partner without a name",
    "SELECT DISTINCT other FROM conversation WHERE other > 0 EXCEPT SELECT number FROM account",
  ],
  [
    "conversations have a group that does not exist",
    `SELECT DISTINCT -other FROM conversation WHERE other < 0 EXCEPT SELECT number FROM "group"`,
  ],
  [
    "entries, settings or cursors are beyond the last id",
    `SELECT 1 FROM entry WHERE id > (SELECT last_id FROM sequence)
     UNION ALL SELECT 1 FROM conversation WHERE max(version, cleared_id) > (SELECT last_id FROM sequence)
     UNION ALL SELECT 1 FROM hidden WHERE version > (SELECT last_id FROM sequence)
     UNION ALL SELECT 1 FROM read_mark WHERE read_id > (SELECT last_id FROM sequence)`,
  ],
];

function dangling(table: string, column: string): string {
  return `SELECT 1 FROM ${table} WHERE ${isDangling(column)}`;
}

/** Returns a sentence for each inconsistency. Reads all of these tables, and the log once for its states. */
export function wrongConversations(log: Database): string[] {
  const problems: string[] = [];
  for (const [what, sql] of questions) {
    const rows = log.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM (${sql})`).get()?.rows ?? 0n;
    if (rows > 0n) problems.push(`${rows} ${what}`);
  }
  return problems;
}
