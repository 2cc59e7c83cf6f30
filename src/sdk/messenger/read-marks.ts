// What this device has marked as read and the server does not know yet: the highest message of each conversation. It is
// sent at the next sign-in.

import { Command } from "../../wire/commands.ts";
import { ConversationReadReq } from "../../wire/gen/messages/conversation-read-req.ts";
import { emptyMessage } from "../../wire/message-type.ts";
import { dropOldest } from "../bounded.ts";
import { Disconnected } from "../client-errors.ts";
import type { Ask } from "../ask.ts";
import type { ConversationList } from "./conversation-list.ts";
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
  private readonly conversations: ConversationList;
  private readonly marks = new Map<string, Mark>();

  /** `ask` rejects with Disconnected, or if a request is refused for good. */
  constructor(ask: Ask, conversations: ConversationList) {
    this.ask = ask;
    this.conversations = conversations;
  }

  of(key: string): bigint {
    return this.marks.get(key)?.id ?? 0n;
  }

  /**
   * Shows a mark, and sends it. Without a connection it is kept, and sent later.
   * @throws RequestRefused if the server refuses it for good
   */
  async mark(partner: Partner, id: bigint): Promise<void> {
    const key = keyOf(partner);
    this.conversations.update(partner, (record) => void record.read(id));
    if (id > this.of(key)) this.marks.set(key, { partner, id });
    dropOldest(this.marks, marksMax);
    await this.send(key, { partner, id });
  }

  /** Signed in: sends what has been kept. */
  async online(): Promise<void> {
    for (const [key, mark] of [...this.marks]) await this.send(key, mark).catch(() => undefined);
  }

  private async send(key: string, { partner, id }: Mark): Promise<void> {
    const { ask, conversations } = this;
    let refusal: unknown;
    try {
      await ask(Command.ConversationRead, ConversationReadReq, { ...namesOf(partner), messageId: id }, emptyMessage);
    } catch (error) {
      if (error instanceof Disconnected) return;
      refusal = error;
    }
    if (this.of(key) <= id) this.marks.delete(key);
    if (refusal === undefined) return conversations.update(partner, (record) => record.read(id));
    conversations.readAgain();
    throw refusal;
  }
}
