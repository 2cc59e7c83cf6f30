// The store of src/store/store.ts as a process has it, with a simulated database behind it.

import type { StoreIdentity } from "../../src/auth/store-ownership.ts";
import type {
  AccountState,
  ChangeOutcome,
  ConversationSetting,
  ConversationsQuery,
  HideRequest,
  HistoryQuery,
  MessageChange,
  ReadersAnswer,
  ReadersQuery,
  ReadMark,
  ReadOutcome,
  SettingOutcome,
} from "../../src/store/conversations.ts";
import type { GroupStore } from "../../src/store/groups.ts";
import type { BackEndStore } from "../../src/store/back-end.ts";
import type { MediaStore } from "../../src/store/media.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import type { BanOutcome, RevokeOutcome } from "../../src/store/revocations.ts";
import {
  type CreateOutcome,
  type GroupDraft,
  type IndexEntry,
  type IndexQuery,
  type LogPage,
  type LogQuery,
  type Membership,
  type MembershipChange,
  type MembershipOutcome,
  type Store,
  StoreUnavailable,
  type Talk,
  type TalkOutcome,
} from "../../src/store/store.ts";
import type { StoredRevocation } from "../../src/wire/revocations.ts";
import type { Database } from "./database.ts";
import { type Ask, GroupsClient, MediaClient, PeopleClient } from "./database-parts.ts";
import { noHooks } from "../support/no-hooks.ts";

const identity: StoreIdentity = { identity: "0123456789abcdef0123456789abcdef", place: "simulated" };

/** Runs a request at the database, and resolves with its answer. */
export type Call = <Answer>(handle: () => Answer | Promise<Answer>) => Promise<Answer>;

/** Its node number is its own while it runs: the next start has another one. */
export class DatabaseClient implements Store {
  readonly identity = identity;
  readonly isHealthy = true;
  readonly isSaturated = false;
  readonly trouble = "";
  readonly clock = { idsAheadMs: 0, purgeWaitMs: 0 };
  readonly size = undefined;
  readonly groups: GroupStore;
  readonly people: PeopleStore;
  readonly backEnd: BackEndStore = {
    keys: {
      create: () => Promise.resolve({ result: "full" }),
      revoke: () => Promise.resolve(undefined),
      after: () => Promise.resolve([]),
    },
    data: {
      export: () => Promise.resolve({ result: "notFound" }),
      import: () => Promise.resolve({ result: "live", isComplete: false }),
      deleteData: () => Promise.resolve(undefined),
      operation: () => Promise.resolve(undefined),
      retentions: {
        set: () => Promise.resolve({ days: 0, watermarkId: 0n }),
        of: () => Promise.resolve({ days: 0, watermarkId: 0n }),
      },
    },
    hooks: noHooks,
  };
  readonly media: MediaStore = new MediaClient();
  private readonly call: Call;
  /** By app. */
  private readonly databaseOf: (app: string) => Database;
  private readonly node: number;
  private readonly replacementListeners = new Set<() => void>();
  /** Whose answers it has seen. */
  private standby = 0;
  private isClosed = false;

  constructor(call: Call, databaseOf: (app: string) => Database, node: number) {
    this.call = call;
    this.databaseOf = databaseOf;
    this.node = node;
    const ask: Ask = (app, handle) => this.ask(app, handle);
    this.groups = new GroupsClient(ask, node);
    this.people = new PeopleClient(ask, node);
  }

  prepare(): undefined {
    return undefined;
  }

  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]> {
    const [first] = talks;
    if (first === undefined) return Promise.resolve([]);
    return this.ask(first.app, (database) => database.append(talks, this.node));
  }

  acknowledge(app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.ask(app, (database) => database.acknowledge(account, device, messageId));
  }

  index(query: IndexQuery): Promise<readonly IndexEntry[]> {
    return this.ask(query.app, (database) => database.index(query));
  }

  entries(query: LogQuery): Promise<LogPage> {
    return this.ask(query.app, (database) => database.entries(query));
  }

  contents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    return this.ask(app, (database) => database.contents(account, messageIds));
  }

  change(change: MessageChange): Promise<ChangeOutcome> {
    return this.ask(change.app, (database) => database.change(change, this.node));
  }

  set(setting: ConversationSetting): Promise<SettingOutcome> {
    return this.ask(setting.app, (database) => database.set(setting, this.node));
  }

  hide(request: HideRequest): Promise<SettingOutcome> {
    return this.ask(request.app, (database) => database.hide(request, this.node));
  }

  accountState(app: string, account: string, since: bigint, limit: number): Promise<AccountState> {
    return this.ask(app, (database) => database.accountState(account, since, limit));
  }

  markRead(mark: ReadMark): Promise<ReadOutcome> {
    return this.ask(mark.app, (database) => database.markRead(mark));
  }

  readers(query: ReadersQuery): Promise<ReadersAnswer> {
    return this.ask(query.app, (database) => database.histories.readers(query));
  }

  history(query: HistoryQuery): Promise<Uint8Array | "notFound"> {
    return this.ask(query.app, (database) => database.history(query));
  }

  messages(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    return this.ask(app, (database) => database.byIds(account, messageIds));
  }

  conversations(query: ConversationsQuery): Promise<Uint8Array> {
    return this.ask(query.app, (database) => database.conversations(query));
  }

  createGroup(draft: GroupDraft): Promise<CreateOutcome> {
    return this.ask(draft.app, (database) => database.createGroup(draft, this.node));
  }

  join(change: MembershipChange): Promise<MembershipOutcome> {
    return this.ask(change.app, (database) => database.join(change, this.node));
  }

  quit(change: MembershipChange): Promise<MembershipOutcome> {
    return this.ask(change.app, (database) => database.quit(change, this.node));
  }

  groupDetail(app: string, group: string, asker: string): ReturnType<Store["groupDetail"]> {
    return this.ask(app, ({ groups }) => groups.detail(group, asker));
  }

  membership(app: string, group: string, since?: bigint): Promise<Membership | undefined> {
    return this.ask(app, ({ groups }) => groups.membership(group, since));
  }

  revoke(): Promise<RevokeOutcome> {
    return Promise.resolve({ result: "full" });
  }

  ban(): Promise<BanOutcome> {
    return Promise.resolve({ result: "full" });
  }

  revocations(): Promise<readonly StoredRevocation[]> {
    return Promise.resolve([]);
  }

  setOwners(): Promise<void> {
    return Promise.resolve();
  }

  claimAs(): void {}

  watchReplacement(listener: () => void): () => void {
    this.replacementListeners.add(listener);
    return () => this.replacementListeners.delete(listener);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  private async ask<Answer>(app: string, handle: (database: Database) => Answer | Promise<Answer>): Promise<Answer> {
    if (this.isClosed) throw new StoreUnavailable("the store is closed");
    try {
      const { answer, standby } = await this.call(async () => {
        const database = this.databaseOf(app);
        const handled = await handle(database);
        return { answer: handled, standby: database.standby };
      });
      if (standby > this.standby) {
        this.standby = standby;
        for (const listener of this.replacementListeners) listener();
      }
      return answer;
    } catch (cause) {
      throw new StoreUnavailable("the database does not answer", { cause });
    }
  }
}
