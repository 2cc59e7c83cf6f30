// People on the main thread: what is read is asked from the reader, what is written goes through the batches of changes
// (job-store.ts).

import type { ConsentState, ConversationName, Profile } from "../../conversations.ts";
import { PeopleCalls, type WritePeople } from "../../people-calls.ts";
import type {
  BlockedPage,
  LastSeen,
  OfAccount,
  PeopleStore,
  StoredBlock,
  TalkAnswer,
  WatchAnswer,
} from "../../people.ts";
import type { RequestTarget } from "../protocol.ts";
import { answerTo } from "./ask-reader.ts";

export class SqlitePeople extends PeopleCalls implements PeopleStore {
  private readonly reader: RequestTarget;
  /** The thread of read cursors, beside which the times are at which accounts were seen. */
  private readonly reads: RequestTarget;

  constructor(reader: RequestTarget, reads: RequestTarget, write: WritePeople) {
    super(write);
    this.reader = reader;
    this.reads = reads;
  }

  blocked(app: string, account: string, after: string, limit: number): Promise<BlockedPage> {
    return answerTo(this.reader, { ask: "blocked", app, account, after, limit });
  }

  consent(app: string, account: string): Promise<ConsentState> {
    return answerTo(this.reader, { ask: "consent", app, account });
  }

  profiles(app: string, accounts: readonly string[], versions: readonly bigint[]): Promise<readonly Profile[]> {
    return answerTo(this.reader, { ask: "profiles", app, accounts, versions: versions.map(String) });
  }

  mayTalk(conversation: OfAccount & ConversationName): Promise<TalkAnswer> {
    return answerTo(this.reader, { ask: "mayTalk", ...conversation });
  }

  watchable(app: string, account: string, accounts: readonly string[]): Promise<WatchAnswer> {
    return answerTo(this.reader, { ask: "watchable", app, account, accounts });
  }

  guardVersion(): Promise<bigint> {
    return answerTo(this.reader, { ask: "guardVersion" });
  }

  blocksAfter(after: bigint, limit: number): Promise<readonly StoredBlock[]> {
    return answerTo(this.reader, { ask: "blocksAfter", after: `${after}`, limit });
  }

  async markSeen(marks: readonly LastSeen[]): Promise<void> {
    await this.reads.call({ kind: "seen", marks });
  }

  lastSeen(app: string, accounts: readonly string[]): Promise<readonly number[]> {
    return answerTo(this.reader, { ask: "lastSeen", app, accounts });
  }
}
