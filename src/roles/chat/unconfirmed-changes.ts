// Changes of messages that may be stored although the store failed: their repetition is answered as a change that is in
// force already, and nobody was told of it. Then those concerned are told to look (chat.sync).

import { fromBinary } from "@bufbuild/protobuf";
import type { RareLog } from "../../base/rare-log.ts";
import type { ConversationStore, MessageChange } from "../../store/conversations.ts";
import { HistoryRespSchema } from "../../wire/gen/pkt_pb.ts";
import type { MissedPushes } from "./missed-pushes.ts";

/** The most changes that are remembered; beyond that, the oldest are forgotten. */
const unconfirmedMax = 10_000;

interface Parts {
  readonly store: Pick<ConversationStore, "messages">;
  readonly missedEvents: MissedPushes;
  readonly rareLog: RareLog;
}

export class UnconfirmedChanges {
  private readonly keys = new Set<string>();

  /** Remembers a change that the store may have committed. */
  add(change: MessageChange): void {
    // Repeated, it is another edit, which is pushed.
    if (change.kind === "edit" && change.clientId === "") return;
    const [oldest] = this.keys;
    if (this.keys.size >= unconfirmedMax && oldest !== undefined) this.keys.delete(oldest);
    this.keys.add(keyOf(change));
  }

  /** Tells of a change that is in force already, if it was not confirmed before. The request is answered already. */
  async repeated({ store, missedEvents, rareLog }: Parts, change: MessageChange): Promise<void> {
    if (!this.keys.delete(keyOf(change))) return;
    const { app, actor, messageId } = change;
    try {
      const [message] = fromBinary(HistoryRespSchema, await store.messages(app, actor, [messageId])).messages;
      if (message === undefined) return;
      if (message.group !== "") missedEvents.addGroup(app, message.group, 0n);
      else missedEvents.add(app, new Set([message.account, actor]));
    } catch (error) {
      this.add(change);
      rareLog.warn("a push was lost; its entry is in the index", { error: String(error) });
    }
  }
}

function keyOf({ app, actor, messageId, ...change }: MessageChange): string {
  const what =
    change.kind === "edit" ? change.clientId : change.kind === "react" ? [change.reaction, change.isOff] : "";
  return JSON.stringify([app, actor, `${messageId}`, change.kind, what]);
}
