// The index of messages, as a pipe reads it: the last messages of a conversation, and the groups that have messages.

import { indexedMessage, type Message } from "../../sdk/message.ts";
import type { RoostClient } from "../../sdk/roost-client.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";

/** Returns the last `count` messages of a conversation that this device has acknowledged, or sent. */
export async function lastMessages(client: RoostClient, partner: Partner, count: number): Promise<Message[]> {
  const [firstNew] = await client.index(0n, false);
  let recent: MessageIndex[] = [];
  await walk(client, (entry) => {
    const { group, accountB, messageId, direction } = entry;
    const isOurs = "group" in partner ? group === partner.group : group === "" && accountB === partner.account;
    const isNew = direction !== 1 && firstNew !== undefined && messageId >= firstNew.messageId;
    if (!isOurs || isNew) return;
    recent.push(entry);
    if (recent.length > 2 * count) recent = recent.slice(-count);
  });
  const entries = recent.slice(-count);
  const contents = await client.contents(entries.map(({ messageId }) => messageId));
  const byId = new Map(contents.map((content) => [content.messageId, content]));
  return entries.map((entry) => {
    const content = byId.get(entry.messageId) ?? { messageId: entry.messageId, type: 1, body: "", extra: "" };
    return indexedMessage(entry, content, client.account);
  });
}

/** Returns the ids of the groups that have messages in the index. */
export async function groupsInIndex(client: RoostClient): Promise<Set<string>> {
  const ids = new Set<string>();
  await walk(client, ({ group }) => {
    if (group !== "") ids.add(group);
  });
  return ids;
}

async function walk(client: RoostClient, visit: (entry: MessageIndex) => void): Promise<void> {
  for (let after = 1n; ;) {
    const page = await client.index(after, true);
    const last = page.at(-1);
    if (last === undefined || last.messageId <= after) return;
    for (const entry of page) visit(entry);
    after = last.messageId;
  }
}
