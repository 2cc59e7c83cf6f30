// Ways to break what stores promise of conversations, for cluster-sabotage.ts.

import type { Entry } from "../../src/store/conversations.ts";
import {
  type AccountState,
  type ChangeOutcome,
  entryKind,
  type HistoryQuery,
  type MessageChange,
} from "../../src/store/conversations.ts";
import { Database } from "./database.ts";
import { DatabaseClient } from "./database-client.ts";
import { StoredChanges } from "./stored-changes.ts";
import { StoredViews } from "./stored-views.ts";

const cachedMs = 10_000;
/** 100 milliseconds, with which ids begin. */
const rememberedIds = 100n << 22n;

/** What is answered as recalled is recalled half a second later. */
export class EagerRecalls extends Database {
  override change(change: MessageChange, node: number): Promise<ChangeOutcome> {
    const message = this.messages.get(change.messageId);
    if (change.kind !== "recall" || message?.sender !== change.actor || message.isRecalled)
      return super.change(change, node);
    setTimeout(() => void super.change(change, node), 500);
    const { actor, messageId: refersTo } = change;
    const { toGroup, dest, sendTime: time } = message;
    const where = toGroup ? { account: "", group: dest } : { account: dest, group: "" };
    const entry: Entry = {
      entryId: this.nextId(node),
      kind: entryKind.recalled,
      refersTo,
      actor,
      time,
      ...where,
      reaction: "",
      isOff: false,
    };
    const previousEntryId = this.changes.last(where.account, where.group);
    const groupVersion = toGroup ? this.groups.version(dest) : 0n;
    return Promise.resolve({ result: "stored", entry, previousEntryId, groupVersion });
  }
}

class OverwritingChanges extends StoredChanges {
  protected override facts(...given: Parameters<StoredChanges["facts"]>): ReturnType<StoredChanges["facts"]> {
    const facts = super.facts(...given);
    return given[0].kind === "edit" ? { ...facts, isRecalled: false } : facts;
  }
}

export class OverwritingDatabase extends Database {
  protected override makeChanges(): StoredChanges {
    return new OverwritingChanges(this.groups, this.messages);
  }
}

class RepeatingChanges extends StoredChanges {
  protected override repeated(): undefined {
    return undefined;
  }
}

export class RepeatingDatabase extends Database {
  protected override makeChanges(): StoredChanges {
    return new RepeatingChanges(this.groups, this.messages);
  }
}

/** It forgets what has changed: a push is right, and who asks later learns nothing. */
export class ForgetfulStates extends Database {
  override accountState(account: string, since: bigint, limit: number): AccountState {
    const start = this.lastId - rememberedIds;
    return super.accountState(account, since > start ? since : start, limit);
  }
}

class WanderingViews extends StoredViews {
  protected override isForward(messageId: bigint, before: bigint): boolean {
    return messageId !== before;
  }
}

export class WanderingReads extends Database {
  protected override makeViews(): StoredViews {
    return new WanderingViews(this.messages, this.people);
  }
}

/** It answers the same again for a while. */
export class CachingClient extends DatabaseClient {
  private readonly cached = new Map<
    string,
    { readonly answer: Promise<Uint8Array | "notFound">; readonly ms: number }
  >();

  override history(query: HistoryQuery): Promise<Uint8Array | "notFound"> {
    const { account, toGroup, dest, from } = query;
    return this.cache([account, toGroup, dest, from.at], () => super.history(query));
  }

  override async messages(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    const ids = messageIds.map(String);
    const answer = await this.cache([account, ids], () => super.messages(app, account, messageIds));
    return answer === "notFound" ? new Uint8Array(0) : answer;
  }

  private cache(key: unknown, read: () => Promise<Uint8Array | "notFound">): Promise<Uint8Array | "notFound"> {
    const text = JSON.stringify(key);
    const before = this.cached.get(text);
    if (before !== undefined && performance.now() - before.ms < cachedMs) return before.answer;
    const answer = read();
    this.cached.set(text, { answer, ms: performance.now() });
    return answer;
  }
}
