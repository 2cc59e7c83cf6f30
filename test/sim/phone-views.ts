// How a simulated client with the feature reads its conversations: its account's state, the list, histories, and the
// texts of messages that have changed.

import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConversationName } from "../../src/store/conversations.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  AccountStateRespSchema,
  ConversationListReqSchema,
  ConversationListRespSchema,
  type HistoryMessage,
  type HistoryReq,
  HistoryReqSchema,
  HistoryRespSchema,
  MessageReadersReqSchema,
  MessageReadersRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { keyOf, type Listed, namedBy } from "./phone-disk.ts";
import type { ConnectionOwner } from "./phone-owner.ts";
import type { PhoneWire } from "./phone-wire.ts";

const idsAtOnce = 200;
const listedAtOnce = 100;

export class PhoneViews {
  private readonly phone: ConnectionOwner;
  private readonly wire: PhoneWire;
  private reading: "no" | "once" | "again" = "no";
  private isRefreshing = false;
  private asks = 0;

  constructor(phone: ConnectionOwner, wire: PhoneWire) {
    this.phone = phone;
    this.wire = wire;
  }

  /** Nothing is under way. */
  get isDone(): boolean {
    return this.reading === "no" && !this.isRefreshing && this.asks === 0;
  }

  /** After a sign-in and a hint: reads what has changed of the account's state, and the list. */
  read(): void {
    this.readState();
    this.readList();
  }

  /** Reads what has changed of the account's state. */
  readState(): void {
    if (this.reading !== "no") {
      this.reading = "again";
      return;
    }
    this.reading = "once";
    this.readStatePage();
  }

  private readStatePage(): void {
    const { disk } = this.phone;
    const sinceVersion = disk.version;
    this.wire.ask(Command.AccountState, "", AccountStateReqSchema, { sinceVersion }, (status, answer) => {
      if (status !== Status.Success) {
        this.wire.later(status, () => this.readStatePage());
        return;
      }
      const state = fromBinary(AccountStateRespSchema, answer);
      if (state.version < sinceVersion)
        this.phone.broken(`the account's state since ${sinceVersion} has the version ${state.version}`);
      let last = sinceVersion;
      for (const { version } of state.conversations) {
        if (version <= last || version > state.version)
          this.phone.broken(`a setting of ${version} comes behind ${last}`);
        last = version;
      }
      disk.apply(state);
      disk.version = state.version;
      const isAgain = state.hasMore || this.reading === "again";
      this.reading = isAgain ? "once" : "no";
      if (isAgain) this.readStatePage();
    });
  }

  /** Reads the texts of messages that have changed. */
  refresh(): void {
    const { disk } = this.phone;
    if (this.isRefreshing || disk.stale.size === 0) return;
    this.isRefreshing = true;
    const asked = [...disk.stale].slice(0, idsAtOnce);
    this.askHistory({ messageIds: asked.map(([messageId]) => messageId) }, (messages) => {
      this.isRefreshing = false;
      // What has changed meanwhile is read again.
      if (messages !== undefined)
        for (const [messageId, times] of asked) if (disk.stale.get(messageId) === times) disk.stale.delete(messageId);
      for (const message of messages ?? []) {
        const known = disk.known.get(message.messageId);
        const { messageId, sender, body: text, recalled: isRecalled } = message;
        if (known === undefined) this.phone.got({ messageId, sender, ...namedBy(message), text, isRecalled });
        else Object.assign(known, { text, isRecalled });
      }
      this.refresh();
    });
  }

  /** Reads a part of a history, and looks whether it may be so. */
  history(
    name: ConversationName,
    query: Partial<Pick<HistoryReq, "before" | "after" | "around">>,
    limit: number,
  ): void {
    const { disk, confirmed, account } = this.phone;
    const mine = disk.known
      .values()
      .filter((each) => keyOf(each) === keyOf(name) && (!name.toGroup || each.sender === account))
      .map(({ messageId }) => messageId);
    const expected = confirmed.of([...mine], confirmed.begin());
    const named = name.toGroup ? { group: name.dest } : { account: name.dest };
    this.askHistory({ ...named, ...query, limit }, (messages, hasBefore, hasAfter) => {
      if (messages === undefined) return;
      const ids = messages.map(({ messageId }) => messageId);
      if (ids.length > limit) this.phone.broken(`a history of ${limit} has ${ids.length} messages`);
      for (const [at, id] of ids.entries())
        if (at > 0 && id <= (ids[at - 1] ?? 0n)) this.phone.broken(`a history has ${id} behind ${ids[at - 1]}`);
      const [first, last] = [ids[0], ids.at(-1)];
      if (first === undefined || last === undefined) return;
      const clearedTo = disk.settings.get(keyOf(name))?.clearedTo ?? 0n;
      for (const id of expected) {
        const isWithin = (id > first || !hasBefore) && (id < last || !hasAfter) && id > (query.after ?? 0n);
        const isBelow = query.before === undefined || id < query.before;
        if (isWithin && isBelow && !ids.includes(id) && id > clearedTo && !this.mayHide(id))
          this.phone.broken(`the history of ${keyOf(name)} lacks ${id}, which was confirmed before`);
      }
    });
  }

  /** Another device may have hidden or cleared it. */
  private mayHide(messageId: bigint): boolean {
    return this.phone.disk.hidden.has(messageId) || this.phone.confirmed.isHidden(this.phone.account, messageId);
  }

  private askHistory(
    init: MessageInitShape<typeof HistoryReqSchema>,
    answered: (messages: readonly HistoryMessage[] | undefined, hasBefore: boolean, hasAfter: boolean) => void,
  ): void {
    const began = this.phone.confirmed.begin();
    this.asks++;
    this.wire.ask(Command.History, "", HistoryReqSchema, init, (status, answer) => {
      this.asks--;
      if (status !== Status.Success) {
        if (status < 300 && status !== Status.NotFound) this.phone.broken(`a history is answered with ${status}`);
        this.wire.later(status, () => answered(undefined, false, false));
        return;
      }
      const { messages, hasBefore, hasAfter } = fromBinary(HistoryRespSchema, answer);
      for (const message of messages) this.shown(message, began);
      answered(messages, hasBefore, hasAfter);
    });
  }

  private shown({ messageId, body, recalled, reactions, mentions }: HistoryMessage, began: number): void {
    this.phone.confirmed.shown(this.phone.label, messageId, body, began);
    if (recalled !== (body === "")) this.phone.broken(`${messageId} is recalled and has a text, or neither`);
    if (recalled && reactions.length + mentions.length > 0)
      this.phone.broken(`${messageId} is recalled, and has reactions or mentions`);
  }

  /** Reads the list. `isOnlyCompared`: what it says of read cursors teaches the client nothing. */
  readList(isOnlyCompared = false): void {
    const { disk, confirmed, account } = this.phone;
    const began = confirmed.begin();
    const before = new Map(disk.listed.values().map((each) => [keyOf(each), disk.reads(each).own]));
    this.asks++;
    const init = { limit: listedAtOnce, includeHidden: true };
    this.wire.ask(Command.ConversationList, "", ConversationListReqSchema, init, (status, answer) => {
      this.asks--;
      if (status !== Status.Success) {
        this.wire.later(status, () => this.readList(isOnlyCompared));
        return;
      }
      const { conversations } = fromBinary(ConversationListRespSchema, answer);
      const listed = new Map<string, Listed>();
      let [last, isPinned] = [0n, true];
      for (const { activityId, lastMessage, unread, readId, peerReadId, pinned, ...named } of conversations) {
        const name = namedBy(named);
        if (lastMessage !== undefined) this.shown(lastMessage, began);
        if (pinned === isPinned && last !== 0n && activityId >= last)
          this.phone.broken(`${keyOf(name)} is listed behind what is older`);
        if (pinned && !isPinned) this.phone.broken(`${keyOf(name)} is pinned, and listed behind what is not`);
        [last, isPinned] = [activityId, pinned];
        const reads = disk.reads(name);
        if (readId < (before.get(keyOf(name)) ?? 0n)) confirmed.wentBack(this.phone.label, account, name);
        if (!isOnlyCompared && readId > reads.own) reads.own = readId;
        if (!isOnlyCompared && peerReadId > reads.peer) reads.peer = peerReadId;
        listed.set(keyOf(name), { ...name, readId, unread, activityId });
      }
      disk.listed = listed;
      if (!isOnlyCompared) disk.followed = new Set(listed.keys());
    });
  }

  /** Asks who has read a message. */
  readers(messageId: bigint): void {
    this.asks++;
    this.wire.ask(Command.MessageReaders, "", MessageReadersReqSchema, { messageId }, (status, answer) => {
      this.asks--;
      if (status === Status.SessionNotFound) this.wire.end(true);
      if (status !== Status.Success) return;
      const { count, accounts, hasMore } = fromBinary(MessageReadersRespSchema, answer);
      if (hasMore || count !== accounts.length || new Set(accounts).size !== count)
        this.phone.broken(`${count} readers of ${messageId} are ${accounts.join(", ")}`);
    });
  }
}
