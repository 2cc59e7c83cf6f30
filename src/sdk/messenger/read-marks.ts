// What this device has marked as read and the server does not know yet: the highest message of each conversation. It is
// sent at the next sign-in.

import { Command } from "../../wire/commands.ts";
import { ConversationReadReq } from "../../wire/gen/messages/conversation-read-req.ts";
import { emptyMessage } from "../../wire/message-type.ts";
import { dropOldest } from "../bounded.ts";
import { isWorthRepeating } from "../client-errors.ts";
import type { Ask } from "./ask.ts";
import type { Partner } from "./messenger-types.ts";
import { keyOf, namesOf } from "./partner.ts";

/** The bound on conversations; beyond it, the mark that was made first is given up. */
const marksMax = 1_000;

interface Mark {
  readonly partner: Partner;
  readonly id: bigint;
}

export class ReadMarks {
  private readonly ask: Ask;
  private readonly confirmed: (partner: Partner, id: bigint) => void;
  private readonly marks = new Map<string, Mark>();

  constructor(ask: Ask, confirmed: (partner: Partner, id: bigint) => void) {
    this.ask = ask;
    this.confirmed = confirmed;
  }

  of(key: string): bigint {
    return this.marks.get(key)?.id ?? 0n;
  }

  /**
   * Sends a mark. Without a connection it is kept, and sent later.
   * @throws RequestRefused if the server refuses it for good
   */
  async mark(partner: Partner, id: bigint): Promise<void> {
    const key = keyOf(partner);
    if (id > this.of(key)) this.marks.set(key, { partner, id });
    dropOldest(this.marks, marksMax);
    await this.send(key, { partner, id });
  }

  /** Signed in: sends what has been kept. `refused` gets the conversations whose marks were refused. */
  async online(refused: (partner: Partner) => void): Promise<void> {
    for (const [key, mark] of [...this.marks]) {
      try {
        await this.send(key, mark);
      } catch {
        refused(mark.partner);
      }
    }
  }

  private async send(key: string, { partner, id }: Mark): Promise<void> {
    try {
      const request = { ...namesOf(partner), messageId: id };
      await this.ask(Command.ConversationRead, ConversationReadReq, request, emptyMessage);
    } catch (error) {
      if (isWorthRepeating(error)) return;
      if (this.of(key) <= id) this.marks.delete(key);
      throw error;
    }
    if (this.of(key) <= id) this.marks.delete(key);
    this.confirmed(partner, id);
  }
}
