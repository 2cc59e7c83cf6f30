// What must not reach whom in a simulation: signals those who are not in the conversation or block their sender, and
// read cursors whom their reader blocks. Each is compared with what the database had when the request was sent: only
// what has changed since may excuse it.

import type { ConversationName } from "../../src/store/conversations.ts";
import type { Database } from "./database.ts";

interface Attempt {
  readonly account: string;
  readonly name: ConversationName;
  /** Of `account` and the partner: whether each blocked the other then, and since which version. */
  readonly blocks: { readonly mine: Block; readonly theirs: Block };
  /** Of a group: how often each account that was no member had been one. */
  readonly outsiders: ReadonlyMap<string, number>;
}

interface Block {
  readonly isOn: boolean;
  readonly version: bigint;
}

export class Secrets {
  private readonly database: Database;
  private readonly accounts: readonly string[];
  private readonly fault: (what: string) => void;
  /** By connection and sequence. */
  private readonly attempts = new Map<string, Attempt>();

  constructor(database: Database, accounts: readonly string[], fault: (what: string) => void) {
    this.database = database;
    this.accounts = accounts;
    this.fault = fault;
  }

  /** A client sends a signal, or moves a read cursor. */
  attempt(channelId: string, sequence: number, account: string, name: ConversationName): void {
    const { toGroup, dest } = name;
    const { groups } = this.database;
    const outsiders = this.accounts
      .filter((each) => toGroup && !groups.isMember(dest, each))
      .map((each) => [each, groups.windowsOf(dest, each).length] as const);
    const blocks = { mine: this.block(account, dest), theirs: this.block(dest, account) };
    this.attempts.set(`${channelId} ${sequence}`, { account, name, blocks, outsiders: new Map(outsiders) });
  }

  /** A client is pushed a signal that this request has caused. */
  signalled(label: string, receiver: string, sender: string, channelId: string, sequence: number): void {
    const attempt = this.attempts.get(`${channelId} ${sequence}`);
    if (attempt?.account !== sender) {
      this.fault(`${label} is pushed a signal by ${sender}, which nobody has sent`);
      return;
    }
    const { name, blocks, outsiders } = attempt;
    const { toGroup, dest } = name;
    if (toGroup) {
      for (const account of [receiver, sender])
        if (outsiders.get(account) === this.database.groups.windowsOf(dest, account).length)
          this.fault(`${label} is pushed a signal by ${sender} in ${dest}, in which ${account} is not`);
      return;
    }
    if (receiver !== dest && receiver !== sender) this.fault(`${label} is pushed a signal by ${sender} to ${dest}`);
    if (receiver === dest && this.isStill(blocks.theirs, dest, sender))
      this.fault(`${label} is pushed a signal by ${sender}, whom it blocks`);
  }

  /** A client is pushed how far its partner has read. */
  readBy(label: string, receiver: string, reader: string, channelId: string, sequence: number): void {
    const attempt = this.attempts.get(`${channelId} ${sequence}`);
    if (attempt === undefined || reader === receiver) return;
    if (this.isStill(attempt.blocks.mine, reader, receiver))
      this.fault(`${label} is told how far ${reader} has read, who blocks it`);
  }

  /** A block that began before and has not ended since. */
  isStill(before: Block, account: string, blocked: string): boolean {
    return before.isOn && before.version === this.database.people.blockVersion(account, blocked);
  }

  /** As it is now. */
  block(account: string, blocked: string): Block {
    const { people } = this.database;
    return { isOn: people.isBlocked(account, blocked), version: people.blockVersion(account, blocked) };
  }
}
