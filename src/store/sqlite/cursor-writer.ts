// Moves the cursors of devices, inside the writer's transaction.

import type { Database } from "bun:sqlite";
import { outcome, type JobOf } from "../jobs.ts";
import type { Names } from "./names.ts";
import type { Outcome } from "./talk-writer.ts";

export class CursorWriter {
  private readonly names: Names;
  private readonly move;

  constructor(db: Database, names: Names) {
    this.names = names;
    this.move = db.prepare<null, [bigint, string, bigint]>(
      `INSERT INTO cursor (account, device, acked) VALUES (?, ?, ?)
       ON CONFLICT (account, device) DO UPDATE SET acked = excluded.acked WHERE excluded.acked > acked`,
    );
  }

  /** `committedLast`: the last id before this transaction. */
  acknowledge({ app, account, device, messageId: text }: JobOf<"ack">, committedLast: bigint): Outcome {
    const messageId = BigInt(text);
    if (messageId > committedLast) return [outcome.future];
    if (messageId > 0n) this.move.run(this.names.account(app, account), device, messageId);
    return [outcome.done];
  }
}
