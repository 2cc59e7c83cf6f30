// For tests of the commands of conversations: people on a chat service whose store notes what it is asked.
import { create, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeOutcome, Entry, SettingOutcome } from "../../src/store/conversations.ts";
import { entryKind } from "../../src/store/conversations.ts";
import { membershipOf, type Store, type Talk, type TalkOutcome } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  ConversationClearReqSchema,
  ConversationListReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReactReqSchema,
  MessageReadersReqSchema,
  MessageRecallReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { chatLink, newer, older } from "../support/chat-link.ts";
import { plainlyStored, talkStore } from "../support/talk-store.ts";

export const stored: Extract<TalkOutcome, { result: "stored" }> = {
  ...plainlyStored,
  messageId: 2_000n,
  sendTime: 9n,
  previousId: 1_000n,
  previousEntryId: 1_500n,
};

/** A store that notes what it is asked and answers as the test says. */
export function scripted() {
  const asked: unknown[] = [];
  const answers: {
    change: ChangeOutcome;
    setting: SettingOutcome;
    read: "moved" | "unchanged" | "notFound" | "future";
  } = {
    change: { result: "notFound" },
    setting: { result: "stored", version: 77n },
    read: "moved",
  };
  const talks: Talk[] = [];
  let talkOutcome: TalkOutcome = stored;
  const noted = <Answer>(call: unknown, answer: Answer): Promise<Answer> => {
    asked.push(call);
    return Promise.resolve(answer);
  };
  const store: Store = {
    ...talkStore(stored),
    append: (all) => {
      talks.push(...all);
      return Promise.resolve(all.map(() => talkOutcome));
    },
    change: (change) => noted(change, answers.change),
    set: (setting) => noted(setting, answers.setting),
    hide: (request) => noted(request, answers.setting),
    accountState: (_, account, since, limit) =>
      noted(
        { account, since, limit },
        {
          version: 77n,
          settings: [
            {
              toGroup: false,
              dest: "bob",
              isPinned: true,
              isMuted: false,
              hiddenId: 0n,
              clearedTo: 5n,
              version: 77n,
            },
          ],
          hiddenMessages: [3n],
          hasMore: false,
        },
      ),
    markRead: (mark) =>
      noted(
        mark,
        answers.read === "moved" || answers.read === "unchanged"
          ? { result: answers.read, readId: mark.messageId }
          : { result: answers.read },
      ),
    readers: (query) => noted(query, { result: "found", count: 1, accounts: ["bob"], hasMore: false }),
    history: (query) => noted(query, toBinary(HistoryRespSchema, create(HistoryRespSchema, { hasBefore: true }))),
    messages: (_, account, messageIds) => noted({ account, messageIds }, new Uint8Array(0)),
    conversations: (query) => noted(query, new Uint8Array(0)),
    index: (query) => noted({ index: query }, []),
    entries: (query) =>
      noted(
        { entries: query },
        {
          entries: [
            {
              messageId: 8n,
              direction: 0,
              sendTime: 1n,
              otherAccount: "bob",
              group: "",
              kind: entryKind.reacted,
              refersTo: 7n,
              mentions: [],
              replyTo: 0n,
              reaction: "👍",
              isOff: true,
            },
          ],
          lastId: 9n,
          isReset: false,
        },
      ),
    membership: () => Promise.resolve(membershipOf(10n, ["alice", "bob", "carol"], [], 10n)),
  };
  return {
    store,
    asked,
    answers,
    talks,
    setTalk: (outcome: TalkOutcome): void => void (talkOutcome = outcome),
  };
}

/**
 * Alice with two connections that have the feature and one that has not; Bob with one of each; Carol with a new one.
 */
export function stage() {
  const script = scripted();
  const link = chatLink(script.store);
  link.signIn("alice", "a1", newer);
  link.signIn("alice", "a2", ["conversations"]);
  link.signIn("alice", "a-old", older);
  link.signIn("bob", "b1", newer);
  link.signIn("bob", "b-old", older);
  link.signIn("carol", "c1", newer);
  return { ...script, ...link };
}

export const alice: readonly [string, string] = ["alice", "a1"] as const;
export const old: readonly [string, string] = ["alice", "a-old"] as const;

export function entryOf(over: Partial<Entry> = {}): Entry {
  return {
    entryId: 3_000n,
    kind: entryKind.edited,
    refersTo: 2_000n,
    actor: "alice",
    time: 11n,
    account: "bob",
    group: "",
    reaction: "",
    isOff: false,
    ...over,
  };
}

export interface Asked {
  readonly command: string;
  readonly schema: DescMessage;
  readonly init: MessageInitShape<DescMessage>;
}

/** A request, with its type checked. */
export function ask<Desc extends DescMessage>(command: string, schema: Desc, init: MessageInitShape<Desc>): Asked {
  return { command, schema, init };
}

/** One request of each command, which succeeds. */
export const good: readonly Asked[] = [
  ask(Command.ConversationList, ConversationListReqSchema, {}),
  ask(Command.ConversationRead, ConversationReadReqSchema, { account: "bob", messageId: 5n }),
  ask(Command.ConversationSet, ConversationSetReqSchema, { account: "bob", pinned: true }),
  ask(Command.ConversationClear, ConversationClearReqSchema, { account: "bob", upTo: 5n }),
  ask(Command.History, HistoryReqSchema, { account: "bob" }),
  ask(Command.MessageEdit, MessageEditReqSchema, { messageId: 5n, body: "b" }),
  ask(Command.MessageRecall, MessageRecallReqSchema, { messageId: 5n }),
  ask(Command.MessageHide, MessageHideReqSchema, { messageIds: [5n] }),
  ask(Command.MessageReact, MessageReactReqSchema, { messageId: 5n, reaction: "👍" }),
  ask(Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n }),
  ask(Command.AccountState, AccountStateReqSchema, {}),
];
