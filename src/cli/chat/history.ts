// The last messages of a conversation, as lines.

import type { RoostClient } from "../../sdk/roost-client.ts";
import { shownMax } from "./absence.ts";
import type { Partner } from "./chat-options.ts";
import type { Conversations } from "./conversations.ts";
import { messageLine } from "./format.ts";

/** `withNew` as in Conversations.last. */
export async function historyLines(
  client: RoostClient,
  conversations: Conversations,
  { kind, name }: NonNullable<Partner>,
  withNew: boolean,
): Promise<string[]> {
  const entries = await conversations.last(kind, name, shownMax, withNew);
  const contents = await client.contents(entries.map(({ messageId }) => messageId));
  const bodies = new Map(contents.map(({ messageId, body }) => [messageId, body]));
  return entries.map(({ messageId, direction, accountB, sendTime }) => {
    const sender = direction === 1 ? client.account : accountB;
    return messageLine({ sender, sendTime, where: "", body: bodies.get(messageId) ?? "" });
  });
}
