// What accounts see in their lists of conversations, and what they have read.

import { conversationsMax } from "../../base/limits/fixed.ts";
import { Command } from "../../wire/commands.ts";
import { Conversations } from "../../wire/gen/api_pb.ts";
import * as pkt from "../../wire/gen/pkt_pb.ts";
import { accountName, type ApiCall } from "../api-call.ts";
import type { ApiParts } from "../api-parts.ts";
import { ask, askFor, requireOneOf } from "../chat-calls.ts";
import { type Method, unary } from "../method.ts";

const { method } = Conversations;

/** How many accounts are counted at a time. */
const countedAtOnce = 8;
/** Pages of an account's list that are counted; beyond them the answer says that there are more. */
const pagesMax = 20;

export function conversations(parts: ApiParts): readonly Method[] {
  return [
    unary(method.list, async ({ account, before, limit, includeHidden }, call) => {
      const { conversations: found, hasMore } = await list(parts, call, account, { before, limit, includeHidden });
      return { conversations: found, hasMore };
    }),
    unary(method.markRead, async ({ account, peer, group, messageId }, call) => {
      requireOneOf({ peer: peer !== "", group: group !== "" });
      await ask(parts, call, {
        command: Command.ConversationRead,
        account: accountName("account", account),
        schema: pkt.ConversationReadReqSchema,
        request: { account: peer, group, messageId },
      });
      return {};
    }),
    unary(method.unread, async ({ accounts }, call) => {
      for (const account of accounts) accountName("each of accounts", account);
      const counts: Awaited<ReturnType<typeof count>>[] = [];
      for (let at = 0; at < accounts.length; at += countedAtOnce) {
        const some = accounts.slice(at, at + countedAtOnce);
        counts.push(...(await Promise.all(some.map((account) => count(parts, call, account)))));
      }
      return { accounts: counts };
    }),
  ];
}

function list(
  parts: ApiParts,
  call: ApiCall,
  account: string,
  request: { readonly before?: bigint; readonly limit?: number; readonly includeHidden?: boolean },
) {
  return askFor(
    parts,
    call,
    {
      command: Command.ConversationList,
      account: accountName("account", account),
      schema: pkt.ConversationListReqSchema,
      request,
    },
    pkt.ConversationListRespSchema,
  );
}

/** Counts what an account has not read, page by page of its list. */
async function count(parts: ApiParts, call: ApiCall, account: string) {
  const sum = { account, unread: 0, atLeast: false, mentions: 0, conversations: 0 };
  let before = 0n;
  for (let page = 0; page < pagesMax; page++) {
    const { conversations: found, hasMore } = await list(parts, call, account, { before, limit: conversationsMax });
    for (const { unread, atLeast, unreadMentions, muted, hidden, pinned, activityId } of found) {
      // The first page has the pinned ones besides, wherever they stand.
      if (!pinned || page > 0) before = activityId;
      if (muted || hidden || unread === 0) continue;
      sum.unread += unread;
      sum.mentions += unreadMentions;
      sum.conversations++;
      sum.atLeast ||= atLeast;
    }
    if (!hasMore) return sum;
  }
  return { ...sum, atLeast: true };
}
