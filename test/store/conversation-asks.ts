// What the tests of conversations ask of a store, with the answers decoded.

import { fromBinary } from "@bufbuild/protobuf";
import type {
  ChangeOutcome,
  ConversationName,
  ConversationSetting,
  ConversationsQuery,
  HistoryQuery,
  MessageChange,
  ReadMark,
  SettingOutcome,
} from "../../src/store/conversations.ts";
import type { LogPage, LogQuery, Store, TalkOutcome } from "../../src/store/store.ts";
import {
  type ConversationListResp,
  ConversationListRespSchema,
  type HistoryMessage,
  type HistoryResp,
  HistoryRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import type { OpenedStore } from "./opened-store.ts";
import { ofTest, talk } from "./samples.ts";

/** Longer than any leap of the clock while suites run: what may be done for so long may be done. */
export const ampleMs = 1_000 * 86_400_000;

/** A conversation by its name: `@` begins a group's. */
export function named(name: string): ConversationName {
  return name.startsWith("@") ? { toGroup: true, dest: name.slice(1) } : { toGroup: false, dest: name };
}

export class ConversationAsks {
  readonly opened: OpenedStore;

  constructor(opened: OpenedStore) {
    this.opened = opened;
  }

  get store(): Store {
    return this.opened.store;
  }

  /** Sends a message to an account or a group (`@g1`); its id. */
  readonly send = async (sender: string, to: string, change: Parameters<typeof talk>[0] = {}): Promise<bigint> =>
    (await this.opened.say({ sender, ...named(to), ...change })).messageId;

  readonly sent = async (sender: string, to: string, change: Parameters<typeof talk>[0]): Promise<TalkOutcome> => {
    const [outcome] = await this.store.append([talk({ sender, ...named(to), ...change })]);
    if (outcome === undefined) throw new Error("a talk has an outcome");
    return outcome;
  };

  readonly edit = (
    actor: string,
    messageId: bigint,
    change: { body?: string; extra?: string; clientId?: string; windowMs?: number; app?: string } = {},
  ): Promise<ChangeOutcome> =>
    this.store.change({
      kind: "edit",
      app: ofTest.app,
      actor,
      messageId,
      body: "edited",
      extra: "",
      clientId: "",
      windowMs: ampleMs,
      ...change,
    });

  readonly recall = (
    actor: string,
    messageId: bigint,
    change: { windowMs?: number; app?: string } = {},
  ): Promise<ChangeOutcome> =>
    this.store.change({ kind: "recall", app: ofTest.app, actor, messageId, windowMs: ampleMs, ...change });

  readonly react = (actor: string, messageId: bigint, reaction = "👍", isOff = false): Promise<ChangeOutcome> =>
    this.store.change({ kind: "react", app: ofTest.app, actor, messageId, reaction, isOff });

  readonly resultOf = async (change: MessageChange): Promise<string> => (await this.store.change(change)).result;

  readonly set = (
    account: string,
    to: string,
    change: Omit<Partial<ConversationSetting>, "account">,
  ): Promise<SettingOutcome> => this.store.set({ app: ofTest.app, account, ...named(to), ...change });

  readonly hide = (account: string, ...messageIds: readonly bigint[]): Promise<SettingOutcome> =>
    this.store.hide({ app: ofTest.app, account, messageIds });

  readonly read = async (
    account: string,
    to: string,
    messageId: bigint,
    change: Partial<ReadMark> = {},
  ): Promise<string> =>
    (await this.store.markRead({ app: ofTest.app, account, ...named(to), messageId, ...change })).result;

  readonly history = async (account: string, to: string, query: Partial<HistoryQuery> = {}): Promise<HistoryResp> => {
    const answer = await this.store.history({
      app: ofTest.app,
      account,
      ...named(to),
      from: { at: "newest" },
      limit: 50,
      thread: 0n,
      ...query,
    });
    if (answer === "notFound") throw new Error("expected a history, got notFound");
    return fromBinary(HistoryRespSchema, answer);
  };

  /** The ids of a page, and whether there are messages before and after it. */
  readonly page = async (
    ...request: Parameters<ConversationAsks["history"]>
  ): Promise<readonly [ids: bigint[], hasBefore: boolean, hasAfter: boolean]> => {
    const { messages, hasBefore, hasAfter } = await this.history(...request);
    return [messages.map(({ messageId }) => messageId), hasBefore, hasAfter];
  };

  readonly message = async (account: string, messageId: bigint): Promise<HistoryMessage | undefined> =>
    (await this.messages(account, [messageId]))[0];

  readonly messages = async (account: string, ids: readonly bigint[], app = ofTest.app): Promise<HistoryMessage[]> =>
    fromBinary(HistoryRespSchema, await this.store.messages(app, account, ids)).messages;

  readonly list = async (account: string, query: Partial<ConversationsQuery> = {}): Promise<ConversationListResp> =>
    fromBinary(
      ConversationListRespSchema,
      await this.store.conversations({
        app: ofTest.app,
        account,
        before: 0n,
        limit: 50,
        includeHidden: false,
        ...query,
      }),
    );

  /** The names of a page of the list, groups with `@`. */
  readonly names = async (account: string, query: Partial<ConversationsQuery> = {}): Promise<string[]> =>
    (await this.list(account, query)).conversations.map((each) =>
      each.group === "" ? each.account : `@${each.group}`,
    );

  readonly log = (account: string, query: Partial<LogQuery> = {}): Promise<LogPage> =>
    this.store.entries({
      app: ofTest.app,
      account,
      device: "",
      after: 1n,
      includeSent: false,
      includeEvents: true,
      limit: 2_000,
      ...query,
    });

  readonly newGroup = async (id: string, owner: string, ...members: readonly string[]): Promise<void> => {
    const made = await this.store.createGroup({
      app: ofTest.app,
      id,
      name: "n",
      avatar: "",
      introduction: "",
      owner,
      members,
      closed: false,
    });
    if (made.result !== "created") throw new Error("expected a group");
  };

  readonly quit = async (account: string, group: string, actor = account): Promise<void> => {
    const { result } = await this.store.quit({ app: ofTest.app, group, actor, account });
    if (result !== "changed") throw new Error(`expected changed, got ${result}`);
  };

  readonly join = async (account: string, group: string): Promise<void> => {
    const { result } = await this.store.join({ app: ofTest.app, group, actor: account, account });
    if (result !== "changed") throw new Error(`expected changed, got ${result}`);
  };
}

/** The version of a change of an account's own view that was stored. */
export function versionOf(outcome: SettingOutcome): bigint {
  if (outcome.result !== "stored") throw new Error(`expected stored, got ${outcome.result}`);
  return outcome.version;
}

/** A change that was stored. */
export function changed(outcome: ChangeOutcome): Extract<ChangeOutcome, { result: "stored" }> {
  if (outcome.result !== "stored") throw new Error(`expected stored, got ${outcome.result}`);
  return outcome;
}
