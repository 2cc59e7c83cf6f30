// What changes of an account's own state have in common: the answer, and the push to its other devices.

import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { ConversationSetting, SettingOutcome } from "../../store/conversations.ts";
import { AccountStateChangeSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { noConversation } from "./conversation-name.ts";
import { pushOwnState } from "./conversation-pushes.ts";

/**
 * Answers with the version that has the change, and pushes that, unless this node has pushed it before. Throws Refusal
 * if it was refused; `full` says so of what it may have a number of only.
 */
export function changedOwnState(parts: ChatParts, context: Context, outcome: SettingOutcome, full = ""): void {
  switch (outcome.result) {
    case "notFound":
      throw noConversation();
    case "full":
      throw new Refusal(Status.Forbidden, full);
    case "stored":
    case "unchanged": {
      const { version } = outcome;
      context.respond(AccountStateChangeSchema, { version });
      tellOwnState(parts, context, version);
    }
  }
}

/** The answer to a change: a version. */
const answerBytes = 16;

/**
 * Changes a conversation of the sender, and answers; `full` as above. It takes its turn among the sender's reads: the
 * store looks up what the account sees of the conversation.
 */
export async function setConversation(
  parts: ChatParts,
  context: Context,
  setting: Omit<ConversationSetting, "app" | "account">,
  full = "",
): Promise<void> {
  const { app, account } = context;
  await parts.reads.run(context, answerBytes, async () => {
    changedOwnState(parts, context, await parts.store.set({ app, account, ...setting }), full);
    return answerBytes;
  });
}

/** Pushes what a version of the sender's own state has changed, unless this node has pushed it before. */
export function tellOwnState(parts: ChatParts, context: Context, version: bigint): void {
  const { app, account } = context;
  if (version !== 0n && !parts.told.tellState(app, account, version)) pushOwnState(parts, context, version);
}
