// chat.message.edit: replaces the text of a message of one's own.

import type { Context } from "../../service/context.ts";
import type { Handler } from "../../service/router.ts";
import type { MessageChange } from "../../store/conversations.ts";
import { MessageEditReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changeMessage } from "./message-change.ts";
import { requireAllowed } from "./require-allowed.ts";
import { checkTexts } from "./text-bounds.ts";

type Edit = Extract<MessageChange, { readonly kind: "edit" }>;

/** The bounds are those of a talk. */
export function messageEdit(parts: ChatParts): Handler {
  const { editWindowMs: windowMs } = parts.windows;
  return async (context) => {
    const { messageId, body, extra, clientId } = context.body(MessageEditReqSchema);
    checkMessageId(messageId);
    checkTexts(parts.limits, context, { body, extra, clientId });
    const { app, account: actor } = context;
    const edit = { kind: "edit", app, actor, messageId, body, extra, clientId, windowMs } as const;
    if (!parts.before.asksOfTalks(app)) await changeMessage(parts, context, edit);
    else await changeMessage(parts, context, edit, () => allowedEdit(parts, context, edit));
  };
}

/** The edit as the app's back end lets it pass. Throws Refusal. */
async function allowedEdit({ before, limits }: ChatParts, context: Context, edit: Edit): Promise<Edit> {
  const { body = edit.body, extra = edit.extra } = requireAllowed(await before.ofEdit(edit));
  checkTexts(limits, context, { body, extra, clientId: edit.clientId });
  return { ...edit, body, extra };
}
