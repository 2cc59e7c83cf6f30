// What a store answers to reads of conversations, asked by the protocol.

import { fromBinary } from "@bufbuild/protobuf";
import type { LogEntry } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  AccountStateRespSchema,
  ConversationListReqSchema,
  EntryKind,
  GroupGetReqSchema,
  GroupGetRespSchema,
  HistoryReqSchema,
  MessageContentReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessageReadersReqSchema,
  MessageReadersRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { ConversationModel } from "../store/conversation-model.ts";
import type { ReadStore } from "../store/conversation-reads.ts";
import { ModelReader } from "../store/model-reader.ts";
import { succeeded } from "./commands.ts";
import { placed, type WireConversations } from "./wire-conversations.ts";

const nothing = new Uint8Array(0);

/** Reads by the protocol. What it cannot ask (`limit` of an index, an ack's cursor without the feature) is cut here. */
export function readsByWire(wire: WireConversations, model: ConversationModel): ReadStore {
  const reader = new ModelReader(model);
  return {
    history: async ({ account, from, limit, thread, ...conversation }) => {
      // 0 is no id of a request.
      if (from.at !== "newest" && from.id <= 0n) return "notFound";
      const at = from.at === "newest" ? {} : { [from.at]: from.id };
      const init = { ...placed(conversation), ...at, limit, thread };
      const answer = await wire.ask(account, Command.History, HistoryReqSchema, init);
      return answer.status === Status.NotFound ? "notFound" : succeeded(answer).body;
    },
    messages: async (_, account, messageIds) => {
      if (messageIds.length === 0) return nothing;
      const init = { messageIds: [...messageIds] };
      return succeeded(await wire.ask(account, Command.History, HistoryReqSchema, init)).body;
    },
    contents: async (_, account, messageIds) => {
      const init = { messageIds: [...messageIds] };
      const answer = await wire.ask(account, Command.OfflineContent, MessageContentReqSchema, init, { device: "web" });
      return succeeded(answer).body;
    },
    conversations: async ({ account, before, limit, includeHidden }) => {
      const init = { before, limit, includeHidden };
      return succeeded(await wire.ask(account, Command.ConversationList, ConversationListReqSchema, init)).body;
    },
    accountState: async (_, account, sinceVersion) => {
      const answer = await wire.ask(account, Command.AccountState, AccountStateReqSchema, { sinceVersion });
      const { version, conversations, hiddenMessages, hasMore } = fromBinary(
        AccountStateRespSchema,
        succeeded(answer).body,
      );
      const settings = conversations.map((each) => ({
        toGroup: each.group !== "",
        dest: each.group === "" ? each.account : each.group,
        isPinned: each.pinned,
        isMuted: each.muted,
        hiddenId: each.hiddenId,
        clearedTo: each.clearedTo,
        version: each.version,
      }));
      return { version, settings, hiddenMessages, hasMore };
    },
    readers: async ({ account, messageId, after, limit }) => {
      if (messageId <= 0n) return { result: "notFound" };
      const init = { messageId, after, limit };
      const answer = await wire.ask(account, Command.MessageReaders, MessageReadersReqSchema, init);
      if (answer.status === Status.NotFound) return { result: "notFound" };
      if (answer.status === Status.Forbidden) return { result: "forbidden" };
      const { count, accounts, hasMore } = fromBinary(MessageReadersRespSchema, succeeded(answer).body);
      return { result: "found", count, accounts, hasMore };
    },
    index: async (query) => {
      const { account, after: messageId, includeSent, limit } = query;
      // The device without the feature acknowledges nothing.
      if (messageId <= 0n || messageId > model.lastId) return reader.index(query);
      const init = { messageId, includeSent };
      const answer = await wire.ask(account, Command.OfflineIndex, MessageIndexReqSchema, init, { device: "web" });
      return fromBinary(MessageIndexRespSchema, succeeded(answer).body)
        .indexes.slice(0, limit)
        .map((each) => ({
          messageId: each.messageId,
          direction: each.direction === 1 ? 1 : 0,
          sendTime: each.sendTime,
          otherAccount: each.accountB,
          group: each.group,
        }));
    },
    entries: async ({ account, device, after: messageId, includeSent, includeEvents, limit }) => {
      const its = device === "desk" ? "desk" : device === "phone" ? "phone" : "other";
      const init = { messageId, includeSent, includeEvents };
      const answer = await wire.ask(account, Command.OfflineIndex, MessageIndexReqSchema, init, { device: its });
      const { indexes, lastId, reset } = fromBinary(MessageIndexRespSchema, succeeded(answer).body);
      const entries = indexes.slice(0, limit).map((each): LogEntry => ({
        messageId: each.messageId,
        direction: each.direction === 1 ? 1 : 0,
        sendTime: each.sendTime,
        otherAccount: each.accountB,
        group: each.group,
        kind: each.kind,
        refersTo: each.refersTo,
        ...(includeEvents ? { mentions: each.mentions, replyTo: each.replyTo } : linksOf(model, each.messageId)),
        reaction: each.detail?.reaction ?? "",
        isOff: each.detail?.off ?? false,
        ...(each.kind >= EntryKind.EntryGroupCreated && {
          detail: { accounts: each.detail?.accounts ?? [], count: each.detail?.count ?? 0 },
        }),
      }));
      return { entries, lastId, isReset: reset };
    },
    groupDetail: async (_, groupId, account) => {
      const answer = await wire.ask(account, Command.GroupDetail, GroupGetReqSchema, { groupId });
      if (answer.status === Status.NotFound) return { result: "notFound" };
      if (answer.status === Status.Forbidden) return { result: "forbidden" };
      const { id, name, avatar, introduction, owner, createdAt, closed, members } = fromBinary(
        GroupGetRespSchema,
        succeeded(answer).body,
      );
      const all = members.map((each) => ({
        account: each.account,
        alias: each.alias,
        avatar: each.avatar,
        joinTime: each.joinTime,
      }));
      return { result: "found", detail: { id, name, avatar, introduction, owner, createdAt, closed, members: all } };
    },
  };
}

/** What an index without events does not tell. */
function linksOf(model: ConversationModel, id: bigint): Pick<LogEntry, "mentions" | "replyTo"> {
  const { mentions = [], replyTo = 0n } = model.messages.get(id) ?? {};
  return { mentions, replyTo };
}
