// A message store for simulations: a database on a machine of its own, and the clients of it in chat processes. It
// keeps the promises of src/store/store.ts. What arrives is committed some milliseconds later, all of it in one batch;
// a crash before that loses it, a crash after that does not.

import type { StoreIdentity } from "../../src/auth/store-ownership.ts";
import { idMax, nextId } from "../../src/store/snowflake.ts";
import { type ChangeOutcome, type Entry, entryKind, type MessageChange } from "../../src/store/conversations.ts";
import type {
  CreateOutcome,
  GroupDetail,
  GroupDraft,
  IndexEntry,
  IndexQuery,
  LogPage,
  LogQuery,
  Membership,
  MembershipChange,
  MembershipOutcome,
  RevokeOutcome,
  Store,
  Talk,
  TalkOutcome,
} from "../../src/store/store.ts";
import { membershipOf, StoreUnavailable } from "../../src/store/store.ts";
import { encodeContents } from "../../src/wire/message-contents.ts";
import type { StoredRevocation } from "../../src/wire/revocations.ts";
import type { Machine } from "./machines.ts";
import type { Network } from "./network.ts";
import { asLogEntry, Reactions } from "./reactions.ts";

const identity: StoreIdentity = { identity: "0123456789abcdef0123456789abcdef", place: "simulated" };
const commitMsMax = 12;

export interface StoredMessage extends Talk {
  readonly messageId: bigint;
  readonly sendTime: bigint;
  readonly previousId: bigint;
  readonly previousEntryId: bigint;
  readonly groupVersion: bigint;
}

interface Window {
  readonly account: string;
  readonly from: bigint;
  readonly joinTime: bigint;
  to: bigint | undefined;
}

interface Group {
  readonly draft: GroupDraft;
  owner: string;
  version: bigint;
  readonly windows: Window[];
}

/** What the disk holds. A sabotage replaces a part of it. */
export class Database {
  messages: StoredMessage[] = [];
  readonly reactions = new Reactions();
  protected readonly groups = new Map<string, Group>();
  private readonly acks = new Map<string, bigint>();
  protected lastId = 0n;
  private waiting: (() => void)[] = [];

  /** The process starts: what had not been committed when it ended is gone. */
  start(): void {
    this.waiting = [];
  }

  /** Commits a change with the next batch, and resolves then. */
  protected commit<Outcome>(change: () => Outcome): Promise<Outcome> {
    return new Promise((resolve) => {
      this.waiting.push(() => resolve(change()));
      if (this.waiting.length === 1)
        setTimeout(() => {
          const changes = this.waiting;
          this.waiting = [];
          for (const each of changes) each();
        }, commitMsMax);
    });
  }

  append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    return this.commit(() => talks.map((talk) => this.store(talk, node)));
  }

  protected store(talk: Talk, node: number): TalkOutcome {
    const group = talk.toGroup ? this.groups.get(talk.dest) : undefined;
    const earlier = this.earlier(talk);
    if (earlier !== undefined) return storedOutcome(earlier, true, nodeOf(earlier.messageId) === node);
    if (talk.toGroup && group === undefined) return { result: "notFound" };
    if (group !== undefined && !isMember(group, talk.sender)) return { result: "forbidden" };
    const previous = this.messages.findLast(({ toGroup, dest }) => toGroup === talk.toGroup && dest === talk.dest);
    const message = {
      ...talk,
      messageId: this.nextId(node),
      sendTime: BigInt(Date.now()) * 1_000_000n,
      previousId: previous?.messageId ?? 0n,
      previousEntryId: this.reactions.last(talk.toGroup ? "" : talk.dest, talk.toGroup ? talk.dest : ""),
      groupVersion: group?.version ?? 0n,
    };
    this.messages.push(message);
    return storedOutcome(message, false, true);
  }

  protected earlier({ sender, clientId }: Talk): StoredMessage | undefined {
    return this.messages.find((message) => message.sender === sender && message.clientId === clientId);
  }

  protected nextId(node: number): bigint {
    this.lastId = nextId(this.lastId, Date.now(), node);
    return this.lastId;
  }

  acknowledge(account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.commit(() => {
      if (messageId > this.lastId) return "future";
      const key = JSON.stringify([account, device]);
      if (messageId > (this.acks.get(key) ?? 0n)) this.acks.set(key, messageId);
      return "done";
    });
  }

  index({ account, device, after, includeSent, limit }: Omit<IndexQuery, "app">): readonly IndexEntry[] {
    const isFromAck = after === 0n || after > this.lastId;
    const from = isFromAck ? (this.acks.get(JSON.stringify([account, device])) ?? 0n) : after;
    return this.messages
      .filter((message) => message.messageId > from && this.isListed(message, account, includeSent))
      .toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1))
      .slice(0, limit)
      .map(({ messageId, sendTime, sender, toGroup, dest }) => ({
        messageId,
        direction: sender === account ? 1 : 0,
        sendTime,
        otherAccount: sender === account && !toGroup ? dest : sender,
        group: toGroup ? dest : "",
      }));
  }

  change(change: MessageChange, node: number): Promise<ChangeOutcome> {
    return this.commit(() => {
      const message = this.messages.find(({ messageId }) => messageId === change.messageId);
      if (message === undefined || !(message.sender === change.actor || this.isReceiver(message, change.actor)))
        return { result: "notFound" };
      const group = message.toGroup ? this.groups.get(message.dest) : undefined;
      if (group !== undefined && !isMember(group, change.actor)) return { result: "forbidden" };
      return this.reactions.react(change, message, group?.version ?? 0n, () => this.nextId(node));
    });
  }

  entries(query: Omit<LogQuery, "app">): LogPage {
    const { account, after, includeSent, includeEvents, limit } = query;
    const messages = this.index(query).map((entry) => ({
      ...entry,
      kind: entryKind.message,
      refersTo: 0n,
      mentions: [],
      replyTo: 0n,
      reaction: "",
      isOff: false,
    }));
    const events = this.reactions.entries
      .filter((entry) => includeEvents && entry.entryId > after && this.concerns(entry, account, includeSent))
      .map((entry) => asLogEntry(entry, account));
    const entries = [...messages, ...events].toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1));
    return { entries: entries.slice(0, limit), lastId: this.lastId, isReset: false };
  }

  /** An account may see an entry: of its own only with `includeSent`. */
  concerns({ entryId, actor, account: partner, group }: Entry, account: string, includeSent: boolean): boolean {
    if (actor === account) return includeSent;
    if (group === "") return partner === account;
    return (this.groups.get(group)?.windows ?? []).some((window) => isWithin(window, account, entryId));
  }

  private isListed(message: StoredMessage, account: string, includeSent: boolean): boolean {
    return message.sender === account ? includeSent : this.isReceiver(message, account);
  }

  isReceiver({ toGroup, dest, messageId }: StoredMessage, account: string): boolean {
    if (!toGroup) return dest === account;
    return (this.groups.get(dest)?.windows ?? []).some((window) => isWithin(window, account, messageId));
  }

  /** It entered the group after the message: a push goes to the members at the time of sending. */
  isLaterMember({ toGroup, dest, messageId }: StoredMessage, account: string): boolean {
    if (!toGroup) return false;
    return (this.groups.get(dest)?.windows ?? []).some(
      (window) => window.account === account && window.from > messageId,
    );
  }

  /** It has left the group since: what was under way to it then is not pushed, and waits in the index. */
  hasLeft({ toGroup, dest }: Pick<StoredMessage, "toGroup" | "dest">, account: string): boolean {
    const group = this.groups.get(dest);
    return toGroup && group !== undefined && !isMember(group, account);
  }

  contents(account: string, messageIds: readonly bigint[]): Uint8Array {
    return encodeContents(
      messageIds
        .map((id) => this.messages.find(({ messageId }) => messageId === id))
        .filter((message) => message !== undefined)
        .filter((message) => message.sender === account || this.isReceiver(message, account)),
    );
  }

  createGroup(draft: GroupDraft, node: number): Promise<CreateOutcome> {
    return this.commit(() => {
      const version = this.nextId(node);
      const joinTime = BigInt(Math.floor(Date.now() / 1000));
      const windows = [draft.owner, ...draft.members].map((account) => ({
        account,
        from: version,
        joinTime,
        to: undefined,
      }));
      this.groups.set(draft.id, { draft, owner: draft.owner, version, windows });
      return { result: "created", version, leftOut: [] };
    });
  }

  join({ group: id, actor, account }: MembershipChange, node: number): Promise<MembershipOutcome> {
    return this.commit(() => {
      const group = this.groups.get(id);
      if (group === undefined) return { result: "notFound" };
      if (isMember(group, account)) return { result: "unchanged" };
      if (actor !== group.owner && (actor !== account || group.draft.closed)) return { result: "forbidden" };
      const versionBefore = group.version;
      group.version = this.nextId(node);
      const joinTime = BigInt(Math.floor(Date.now() / 1000));
      group.windows.push({ account, from: group.version, joinTime, to: undefined });
      return { result: "changed", versionBefore, version: group.version };
    });
  }

  quit({ group: id, actor, account }: MembershipChange, node: number): Promise<MembershipOutcome> {
    return this.commit(() => {
      const group = this.groups.get(id);
      if (group === undefined) return { result: "notFound" };
      const window = openWindow(group, account);
      if (window === undefined)
        return { result: group.windows.some((each) => each.account === account) ? "unchanged" : "forbidden" };
      if (actor !== group.owner && actor !== account) return { result: "forbidden" };
      const versionBefore = group.version;
      group.version = this.nextId(node);
      this.close(window, group.version);
      if (group.owner === account) group.owner = group.windows.find(({ to }) => to === undefined)?.account ?? "";
      return { result: "changed", versionBefore, version: group.version };
    });
  }

  protected close(window: Window, version: bigint): void {
    window.to = version;
  }

  groupDetail(id: string, asker: string): Awaited<ReturnType<Store["groupDetail"]>> {
    const group = this.groups.get(id);
    if (group === undefined) return { result: "notFound" };
    if (!isMember(group, asker)) return { result: "forbidden" };
    const { draft, owner, windows } = group;
    const detail: GroupDetail = {
      ...draft,
      owner,
      createdAt: windows[0]?.joinTime ?? 0n,
      members: windows
        .filter(({ to }) => to === undefined)
        .map(({ account, joinTime }) => ({ account, alias: "", avatar: "", joinTime })),
    };
    return { result: "found", detail };
  }

  membership(id: string, since = idMax): Membership | undefined {
    const group = this.groups.get(id);
    if (group === undefined) return undefined;
    const accounts = group.windows.filter(({ to }) => to === undefined).map(({ account }) => account);
    const events = group.windows.flatMap(({ account, from, to = 0n }) => [
      { account, isMember: true, version: from },
      { account, isMember: false, version: to },
    ]);
    return membershipOf(
      group.version,
      accounts,
      events.filter(({ version }) => version > since),
      since,
    );
  }
}

function isMember(group: Group, account: string): boolean {
  return openWindow(group, account) !== undefined;
}

function openWindow({ windows }: Group, account: string): Window | undefined {
  return windows.find((window) => window.account === account && window.to === undefined);
}

function isWithin({ account, from, to }: Window, reader: string, id: bigint): boolean {
  return account === reader && id > from && (to === undefined || id < to);
}

function nodeOf(id: bigint): number {
  return Number((id >> 12n) & 1023n);
}

function storedOutcome(
  { messageId, sendTime, previousId, previousEntryId, groupVersion }: StoredMessage,
  repeated: boolean,
  writtenHere: boolean,
): TalkOutcome {
  return {
    result: "stored",
    messageId,
    sendTime,
    previousId,
    previousEntryId,
    groupVersion,
    repeated,
    writtenHere,
    madeAccount: false,
  };
}

/** The store as a chat process has it. Its node number is its own while it runs: the next start has another one. */
export class DatabaseClient implements Store {
  readonly identity = identity;
  readonly isHealthy = true;
  readonly trouble = "";
  readonly clock = { idsAheadMs: 0, purgeWaitMs: 0 };
  readonly size = undefined;
  private readonly network: Network;
  private readonly machine: Machine;
  private readonly database: Database;
  private readonly node: number;

  constructor(network: Network, machine: Machine, database: Database, node: number) {
    this.network = network;
    this.machine = machine;
    this.database = database;
    this.node = node;
  }

  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]> {
    return this.ask(() => this.database.append(talks, this.node));
  }

  acknowledge(_app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.ask(() => this.database.acknowledge(account, device, messageId));
  }

  index(query: IndexQuery): Promise<readonly IndexEntry[]> {
    return this.ask(() => this.database.index(query));
  }

  contents(_app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    return this.ask(() => this.database.contents(account, messageIds));
  }

  createGroup(draft: GroupDraft): Promise<CreateOutcome> {
    return this.ask(() => this.database.createGroup(draft, this.node));
  }

  join(change: MembershipChange): Promise<MembershipOutcome> {
    return this.ask(() => this.database.join(change, this.node));
  }

  quit(change: MembershipChange): Promise<MembershipOutcome> {
    return this.ask(() => this.database.quit(change, this.node));
  }

  groupDetail(_app: string, group: string, asker: string): ReturnType<Store["groupDetail"]> {
    return this.ask(() => this.database.groupDetail(group, asker));
  }

  membership(_app: string, group: string, since?: bigint): Promise<Membership | undefined> {
    return this.ask(() => this.database.membership(group, since));
  }

  revoke(): Promise<RevokeOutcome> {
    return Promise.resolve({ result: "full" });
  }

  revocations(): Promise<readonly StoredRevocation[]> {
    return Promise.resolve([]);
  }

  setOwners(): Promise<void> {
    return Promise.resolve();
  }

  claimAs(): void {}

  watchReplacement(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private async ask<Answer>(handle: () => Answer | Promise<Answer>): Promise<Answer> {
    try {
      return await this.network.call(this.machine, handle);
    } catch (cause) {
      throw new StoreUnavailable("the database does not answer", { cause });
    }
  }

  entries(query: LogQuery): Promise<LogPage> {
    return this.ask(() => this.database.entries(query));
  }

  change(change: MessageChange): Promise<ChangeOutcome> {
    return this.ask(() => this.database.change(change, this.node));
  }

  set(): Promise<never> {
    return notYet();
  }
  hide(): Promise<never> {
    return notYet();
  }
  accountState(): Promise<never> {
    return notYet();
  }
  markRead(): Promise<never> {
    return notYet();
  }
  readers(): Promise<never> {
    return notYet();
  }
  history(): Promise<never> {
    return notYet();
  }
  messages(): Promise<never> {
    return notYet();
  }
  conversations(): Promise<never> {
    return notYet();
  }
}

function notYet(): Promise<never> {
  return Promise.reject(new Error("simulated people do not ask for this"));
}
