// Ways to break what stores promise of blocks and of who is online, for cluster-sabotage.ts.

import type { ReadMark, ReadOutcome } from "../../src/store/conversations.ts";
import type { Location } from "../../src/session/sessions.ts";
import type { StoredBlock } from "../../src/store/people.ts";
import { Database } from "./database.ts";
import { DatabaseClient } from "./database-client.ts";
import { SessionStore } from "./session-store.ts";
import { StoredPeople } from "./stored-people.ts";
import { StoredViews } from "./stored-views.ts";

const copiedMs = 8_000;

class SilentPeople extends StoredPeople {
  override blocksAfter(): readonly StoredBlock[] {
    return [];
  }
}

/** Nodes do not hear of blocks. */
export class SilentBlocks extends Database {
  protected override makePeople(): StoredPeople {
    return new SilentPeople(this.groups, this.messages);
  }
}

class TalkativeViews extends StoredViews {
  override markRead(mark: ReadMark, lastId: bigint): ReadOutcome {
    const outcome = super.markRead(mark, lastId);
    return "isPrivate" in outcome ? { ...outcome, isPrivate: false } : outcome;
  }
}

/** A reader's block is not answered when its cursor moves. */
export class OpenReads extends Database {
  protected override makeViews(): StoredViews {
    return new TalkativeViews(this.messages, this.people);
  }
}

/** Everybody may signal to everybody. */
export class LenientClient extends DatabaseClient {
  constructor(...parts: ConstructorParameters<typeof DatabaseClient>) {
    super(...parts);
    Object.assign(this.people, { mayTalk: () => Promise.resolve({ right: "allowed", groupVersion: 0n }) });
  }
}

/** Sessions are located in a copy, which is some seconds old: who came back at once is taken to have left. */
export class CopiedSessions extends SessionStore {
  private copy = new Map<string, readonly Location[]>();
  private copiedMs = -copiedMs;

  override locate(accounts: readonly string[]): readonly (readonly Location[])[] {
    const nowMs = performance.now();
    if (nowMs - this.copiedMs >= copiedMs) {
      this.copy = new Map(this.all);
      this.copiedMs = nowMs;
    }
    return accounts.map((account) => this.copy.get(account) ?? []);
  }
}
