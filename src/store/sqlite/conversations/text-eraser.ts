// Overwrites the text of messages that are recalled, and of those whose account is deleted. Their rows stay: ids,
// counts and cursors of others rest on them. With SQLite's secure_delete, which the writer sets for the transaction,
// the text is gone from the file's pages.

import type { Database } from "bun:sqlite";
import { messageState } from "./tables.ts";

export class TextEraser {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      place: db.prepare<{ inbox: bigint; sender: bigint }, [bigint]>("SELECT inbox, sender FROM message WHERE id = ?"),
      overwrite: db.prepare<null, [bigint]>(
        `UPDATE message SET body = '', extra = '', mentions = NULL, state = ifnull(state, 0) | ${messageState.recalled}
         WHERE id = ?`,
      ),
      dropMentions: db.prepare<null, [bigint]>("DELETE FROM mention WHERE id = ?"),
      dropPin: db.prepare<null, [bigint]>("DELETE FROM pin WHERE message = ?"),
      dropMedia: db.prepare<null, [bigint]>("DELETE FROM media_use WHERE message = ?"),
      dropReactions: db.prepare<null, [bigint]>("DELETE FROM reaction WHERE message = ?"),
    };
  }

  /** A message without text, mentions, reactions, pin and files is left. */
  recall(messageId: bigint): void {
    this.sql.overwrite.run(messageId);
    this.sql.dropMentions.run(messageId);
    this.sql.dropReactions.run(messageId);
    this.sql.dropPin.run(messageId);
    this.sql.dropMedia.run(messageId);
  }

  /** The same, of a message that an account sent, or that was sent to it directly. */
  erase(messageId: bigint, account: bigint): void {
    const place = this.sql.place.get(messageId);
    if (place !== null && (place.sender === account || place.inbox === account)) this.recall(messageId);
  }
}
