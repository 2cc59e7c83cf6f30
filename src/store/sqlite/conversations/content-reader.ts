// The texts of messages by their ids, for who may read them.

import type { Database } from "bun:sqlite";
import type { Content } from "../../../wire/message-contents.ts";
import { prepareWindow } from "../member-lookups.ts";

interface MessageRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
}

export class ContentReader {
  private readonly clip: { readonly clippedTo: bigint };
  private readonly sql;

  /** `clip`: the watermark of the app of the snapshot. */
  constructor(db: Database, clip: { readonly clippedTo: bigint }) {
    this.clip = clip;
    this.sql = {
      message: db.prepare<MessageRow, [bigint]>("SELECT inbox, sender, type, body, extra FROM message WHERE id = ?"),
      window: prepareWindow(db),
    };
  }

  /** In the order of the ids, without what the account may not read. */
  of(me: bigint, messageIds: readonly bigint[]): Content[] {
    return messageIds.flatMap((messageId): Content[] => {
      const row = messageId > this.clip.clippedTo ? this.sql.message.get(messageId) : null;
      if (row === null) return [];
      const mayRead =
        row.sender === me ||
        row.inbox === me ||
        (row.inbox < 0n && this.sql.window.get(me, -row.inbox, messageId) !== null);
      return mayRead ? [{ messageId, type: Number(row.type), body: row.body, extra: row.extra }] : [];
    });
  }
}
