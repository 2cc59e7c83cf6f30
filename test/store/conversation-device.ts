// A device of an account as the model of conversations sees it: it has cursors of its own, and what it has read up to
// them has to be, in the end, what every other device of the account has.

import { type ModelEntry, nameOf } from "./model-messages.ts";
import type { ConversationModel } from "./conversation-model.ts";
import {
  type BlockState,
  type ConsentState,
  entryKind,
  type Profile,
  type SettingState,
} from "../../src/store/conversations.ts";
import type { LogEntry } from "../../src/store/store.ts";
import type { Random } from "../support/random.ts";
import { agree } from "./agree.ts";
import type { ReadStore } from "./conversation-reads.ts";
import { type ModelReader, sawAll } from "./model-reader.ts";

export class ModelDevice {
  private readonly app: string;
  private readonly account: string;
  /** The last entry that it has read; 1n: from the start. */
  private cursor = 1n;
  private version = 0n;
  private readonly log: LogEntry[] = [];
  private readonly settings = new Map<string, SettingState>();
  private readonly hidden = new Set<bigint>();
  private readonly blocks = new Map<string, BlockState>();
  private consent: ConsentState | undefined;
  private profile: Profile | undefined;

  constructor(app: string, account: string) {
    this.app = app;
    this.account = account;
  }

  /** Reads what it has missed, in small pages. */
  async sync(store: ReadStore, random: Random): Promise<void> {
    const { app, account } = this;
    for (;;) {
      const query = { app, account, device: "", includeSent: true, includeEvents: true, limit: 1 + random.below(60) };
      const { entries, isReset } = await store.entries({ ...query, after: this.cursor });
      if (isReset) throw new Error(`the log of ${account} was reset`);
      for (const entry of entries) {
        if (entry.messageId <= this.cursor) throw new Error(`${entry.messageId} came again, above ${this.cursor}`);
        this.cursor = entry.messageId;
        this.log.push(entry);
      }
      if (entries.length === 0) break;
    }
    for (let hasMore = true; hasMore;) {
      const state = await store.accountState(app, account, this.version, 5);
      for (const setting of state.settings) this.settings.set(nameOf(setting), setting);
      for (const id of state.hiddenMessages) this.hidden.add(id);
      for (const block of state.blocks ?? []) this.blocks.set(block.account, block);
      this.consent = state.consent ?? this.consent;
      this.profile = state.profile ?? this.profile;
      if (state.hasMore && state.version <= this.version) throw new Error(`the state of ${account} does not go on`);
      ({ hasMore, version: this.version } = state);
    }
  }

  /** Compares what it has; call after `sync`. */
  compare(model: ConversationModel, reader: ModelReader): void {
    const { account } = this;
    const query = { account, after: 0n, includeSent: true, includeEvents: true };
    const brief = ({ messageId, kind, refersTo, direction }: LogEntry): unknown => {
      return { messageId, kind, refersTo, direction };
    };
    agree(this.log.map(brief), reader.log(query).map(brief), `the log of a device of ${account}`);
    const settings = [...this.settings.values()].toSorted((one, other) => (one.version < other.version ? -1 : 1));
    agree(settings, reader.settings(account, 0n), `the settings of a device of ${account}`);
    const { blocks = [], consent, profile } = reader.peopleState(account, 0n);
    const kept = blocks.map((block) => this.blocks.get(block.account));
    agree(
      [kept, this.consent, this.profile],
      [blocks, consent, profile],
      `blocks, settings and profile of a device of ${account}`,
    );
    const hidden = new Set(reader.hiddenMessages(account, 0n));
    agree(this.hidden, hidden, `hidden messages of a device of ${account}`);
    for (const message of model.messages.values()) {
      if (!model.mayRead(account, message) || !sawAll(model, account, message)) continue;
      const about = this.log.filter(({ refersTo }) => refersTo === message.id);
      const isRecalled = about.some(({ kind }) => kind === entryKind.recalled);
      agree(isRecalled, message.isRecalled, `whether a device of ${account} knows of the recall of ${message.id}`);
      const isEdited = about.some(({ kind }) => kind === entryKind.edited);
      agree(isEdited, message.isEdited, `whether a device of ${account} knows of the edit of ${message.id}`);
      if (isRecalled) continue;
      const mine = ({ reaction, otherAccount, direction }: LogEntry): string =>
        `${direction === 1 && !message.inbox.startsWith("@") ? account : otherAccount} ${reaction}`;
      const given = new Set<string>();
      for (const entry of about)
        if (entry.kind === entryKind.reacted) given[entry.isOff ? "delete" : "add"](mine(entry));
      const counted = [...message.reactions].flatMap(([reaction, accounts]: [string, Map<string, ModelEntry>]) =>
        [...accounts.keys()].map((by) => `${by} ${reaction}`),
      );
      agree([...given].toSorted(), counted.toSorted(), `reactions to ${message.id} as a device of ${account} has them`);
    }
  }
}
