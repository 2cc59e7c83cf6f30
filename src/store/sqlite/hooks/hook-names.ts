// The names of accounts in the batches of webhooks. What a process saves may name accounts whose data were deleted
// since it read the log: these names are left out.

import type { Database } from "bun:sqlite";
import type { Batch } from "../../hooks.ts";

type Named = Pick<Batch, "lane" | "refs" | "conversation">;

export class HookNames {
  private readonly isKnown;
  private readonly isReceiver;

  constructor(db: Database) {
    this.isKnown = db.prepare<{ number: bigint }, [bigint, string]>(
      "SELECT a.number FROM hook h JOIN account a ON a.app = h.app WHERE h.id = ? AND a.name = ?",
    );
    // Somebody else may have the name by now.
    this.isReceiver = db.prepare<{ id: bigint }, [bigint, string, string]>(
      `SELECT m.id FROM hook h JOIN account a ON a.app = h.app JOIN message m ON m.id = CAST(?3 AS INTEGER)
       WHERE h.id = ?1 AND a.name = ?2 AND (m.inbox = a.number
         OR EXISTS (SELECT 1 FROM member b WHERE b.account = a.number AND b."group" = -m.inbox))`,
    );
  }

  /** What a batch of an endpoint may name; without references if nothing is left of it. */
  known(endpoint: bigint, { lane, refs, conversation }: Named): Pick<Named, "refs" | "conversation"> {
    const isKnown = (name: string): boolean => this.isKnown.get(endpoint, name) !== null;
    return {
      refs: lane === "log" ? refs : refs.filter((ref) => this.names(endpoint, ref)),
      conversation: accountsIn(lane, conversation).every(isKnown) ? conversation : "",
    };
  }

  /** Whether a reference of the lane undelivered names a receiver of its message. */
  private names(endpoint: bigint, ref: string): boolean {
    const slash = ref.indexOf("/");
    return this.isReceiver.get(endpoint, ref.slice(slash + 1), ref.slice(0, slash)) !== null;
  }
}

/** As hook-records.ts and undelivered-source.ts write conversations. */
function accountsIn(lane: Batch["lane"], conversation: string): readonly string[] {
  if (conversation === "") return [];
  const names = conversation.split(",");
  const receiver = lane === "log" ? [] : names.splice(0, 1);
  return names[0] === "" ? receiver : [...receiver, ...names];
}
