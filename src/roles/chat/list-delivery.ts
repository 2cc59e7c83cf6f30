// Something that accounts are told because they were named, on its way to them.

import type { PushHead } from "../../service/dispatcher.ts";
import type { ChatParts } from "./chat-parts.ts";
import type { Delivery } from "./fan-out.ts";

/** What is told, to whom, and who pays for it. */
interface Told {
  readonly app: string;
  readonly sender: string;
  readonly head: PushHead;
  readonly body: Uint8Array;
  readonly accounts: readonly string[];
}

export class ListDelivery implements Delivery {
  readonly app: string;
  readonly sender: string;
  readonly head: PushHead;
  private readonly parts: Pick<ChatParts, "allowance" | "rareLog">;
  private readonly told: Told;

  constructor(parts: Pick<ChatParts, "allowance" | "rareLog">, told: Told) {
    this.app = told.app;
    this.sender = told.sender;
    this.head = told.head;
    this.parts = parts;
    this.told = told;
  }

  get audience(): undefined {
    return undefined;
  }

  get bytes(): number {
    return this.told.body.length;
  }

  body(): Uint8Array {
    return this.told.body;
  }

  accounts(): readonly string[] {
    return this.told.accounts;
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.sender, cost);
  }

  failed(error: unknown): void {
    this.parts.rareLog.warn("a notice was lost; whoever asks for the group sees what it said", {
      error: String(error),
    });
  }
}
