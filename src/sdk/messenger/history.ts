// Reads a conversation's history, page by page.

import { Command } from "../../wire/commands.ts";
import { HistoryReq } from "../../wire/gen/messages/history-req.ts";
import { HistoryResp } from "../../wire/gen/messages/history-resp.ts";
import { Status } from "../../wire/gen/messages/status.ts";
import type { MessageInit } from "../../wire/message-type.ts";
import { RequestRefused } from "../client-errors.ts";
import type { Ask } from "../ask.ts";
import { messageNow } from "./chat-message.ts";
import type { HistoryOptions, HistoryPage } from "./messenger-types.ts";
import type { PartnerNames } from "./partner.ts";

/** Reads a page. Where nobody has written yet, it is empty. */
export async function readHistory(ask: Ask, request: MessageInit<HistoryReq>): Promise<HistoryPage> {
  try {
    const page = await ask(Command.History, HistoryReq, request, HistoryResp);
    return { ...page, messages: page.messages.map(messageNow) };
  } catch (error) {
    const isUnwritten = error instanceof RequestRefused && error.status === Status.NotFound && request.account !== "";
    if (!isUnwritten) throw error;
    return { messages: [], hasBefore: false, hasAfter: false };
  }
}

/** Yields pages as `HistoryOptions` says. Each page begins where the one before ended, so that none comes twice. */
export async function* historyPages(
  ask: Ask,
  names: PartnerNames,
  { limit = 50, before, after, around, thread = 0n }: HistoryOptions,
): AsyncGenerator<HistoryPage, void, void> {
  const common = { ...names, limit, thread };
  let page = await readHistory(ask, { ...common, before, after, around });
  for (;;) {
    yield page;
    const end = after === undefined ? page.messages[0] : page.messages.at(-1);
    const hasMore = after === undefined ? page.hasBefore : page.hasAfter;
    if (end === undefined || !hasMore) return;
    page = await readHistory(ask, { ...common, ...(after === undefined ? { before: end.id } : { after: end.id }) });
    if (page.messages.length === 0) return;
  }
}
