// A client with the feature `conversations`, and what it asks: pages of its list, histories.

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { Feature } from "../../src/wire/features.ts";
import {
  type Conversation,
  ConversationListReqSchema,
  type ConversationListResp,
  ConversationListRespSchema,
  HistoryReqSchema,
  type HistoryResp,
  HistoryRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import type { Expected } from "../filled/filled-talks.ts";
import type { Target } from "../server/target.ts";
import { LoadClient, type LoadEvents } from "./load-client.ts";

/** The most that one page of a list may have. */
const listPageMax = 100;

/** What a connection may tell, and when it ends by itself. */
type Told = Partial<LoadEvents> & Pick<LoadEvents, "lost">;

/** Signs in with the feature. */
export function signInForConversations(
  target: Target,
  account: string,
  told: Told,
  token?: string,
): Promise<LoadClient> {
  const events = { answered() {}, pushed() {}, ...told };
  return LoadClient.signIn(target, account, events, { token, device: "bench", features: [Feature.Conversations] });
}

/** Sends a request, and reads its answer. Throws when it is refused. */
export async function ask<Request extends DescMessage, Answer extends DescMessage>(
  client: LoadClient,
  command: string,
  [request, fields]: readonly [Request, MessageInitShape<Request>],
  answer: Answer,
  dest = "",
): Promise<MessageShape<Answer>> {
  const { status, body } = await client.request(command, dest, toBinary(request, create(request, fields)));
  if (status !== 0) throw new Error(`${command} was refused with status ${status}`);
  return fromBinary(answer, body);
}

/** A page of a list. */
export function listPage(client: LoadClient, limit: number, before = 0n): Promise<ConversationListResp> {
  return ask(
    client,
    Command.ConversationList,
    [ConversationListReqSchema, { limit, before }],
    ConversationListRespSchema,
  );
}

/** The whole list, page by page. */
export async function listAll(client: LoadClient): Promise<Conversation[]> {
  const all: Conversation[] = [];
  for (;;) {
    const { conversations, hasMore } = await listPage(client, listPageMax, all.at(-1)?.activityId);
    all.push(...conversations);
    if (!hasMore) return all;
    if (conversations.length === 0) throw new Error("a list has more conversations, and does not show them");
  }
}

/** A page of a history. */
export function historyPage(
  client: LoadClient,
  where: MessageInitShape<typeof HistoryReqSchema>,
): Promise<HistoryResp> {
  return ask(client, Command.History, [HistoryReqSchema, where], HistoryRespSchema);
}

/** Throws a sentence where a list is not what its store was filled with: order, unread counts, last messages. */
export function checkList(found: readonly Conversation[], expected: readonly Expected[]): void {
  for (const [index, wanted] of expected.entries()) {
    const { account = "", group = "", unread = 0, lastMessage } = found[index] ?? {};
    const got: Expected = { account, group, unread, lastBody: lastMessage?.body ?? "" };
    if (!isSame(got, wanted))
      throw new Error(`conversation ${index} of a list is ${show(got)}, instead of ${show(wanted)}`);
  }
  if (found.length !== expected.length)
    throw new Error(`a list has ${found.length} conversations instead of ${expected.length}`);
}

function isSame(one: Expected, other: Expected): boolean {
  const { account, group, unread, lastBody } = other;
  return one.account === account && one.group === group && one.unread === unread && one.lastBody === lastBody;
}

function show({ account, group, unread, lastBody }: Expected): string {
  return `${account}${group} with ${unread} unread and ${lastBody.replace(/x+$/, "")}`;
}
