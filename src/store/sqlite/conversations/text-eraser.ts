// Overwrites the text of messages that are recalled, and of those whose account is deleted. Their rows stay: ids,
// counts and cursors of others rest on them. With SQLite's secure_delete, which the writer sets for the transaction,
// the text is gone from the file's pages.

import type { Database } from "bun:sqlite";
import { erasedClientId } from "../client-ids.ts";
import { messageState } from "./tables.ts";

interface ErasedRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly client_id: string | null;
}

interface EditRow {
  readonly id: bigint;
  readonly actor: bigint;
  readonly client_id: string;
}

export class TextEraser {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      row: db.prepare<ErasedRow, [bigint]>("SELECT inbox, sender, client_id FROM message WHERE id = ?"),
      overwrite: db.prepare<null, [string | null, bigint]>(
        `UPDATE message SET body = '', extra = '', client_id = ?, mentions = NULL,
           state = ifnull(state, 0) | ${messageState.recalled}
         WHERE id = ?`,
      ),
      dropMentions: db.prepare<null, [bigint]>("DELETE FROM mention WHERE id = ?"),
      dropPin: db.prepare<null, [bigint]>("DELETE FROM pin WHERE message = ?"),
      dropMedia: db.prepare<null, [bigint]>("DELETE FROM media_use WHERE message = ?"),
      dropReactions: db.prepare<null, [bigint]>("DELETE FROM reaction WHERE message = ?"),
      edits: db.prepare<EditRow, [bigint]>(
        "SELECT id, actor, client_id FROM entry WHERE refers = ? AND client_id IS NOT NULL",
      ),
      setEdit: db.prepare<null, [string | null, bigint]>("UPDATE entry SET client_id = ? WHERE id = ?"),
    };
  }

  /** A message without text, mentions, reactions, pin and files is left, and what recognises a retry of it. */
  recall(messageId: bigint): void {
    const row = this.sql.row.get(messageId);
    if (row !== null) this.overwrite(messageId, row, false);
  }

  /** The same, of a message that a deleted account sent, or that was sent to it directly. */
  erase(messageId: bigint, account: bigint): void {
    const row = this.sql.row.get(messageId);
    if (row === null || (row.sender !== account && row.inbox !== account)) return;
    this.overwrite(messageId, row, row.sender === account);
  }

  private overwrite(messageId: bigint, row: ErasedRow, isDeleted: boolean): void {
    const { sender, client_id: stored } = row;
    this.sql.overwrite.run(stored === null ? null : erasedClientId(sender, stored, isDeleted), messageId);
    this.sql.dropMentions.run(messageId);
    this.sql.dropReactions.run(messageId);
    this.sql.dropPin.run(messageId);
    this.sql.dropMedia.run(messageId);
    for (const { id, actor, client_id: clientId } of this.sql.edits.all(messageId))
      this.sql.setEdit.run(isDeleted ? null : erasedClientId(actor, clientId), id);
  }
}
