// chat.group.join with an invitation: the caller becomes a member of its group. All that is wrong with a code is told
// with one sentence, and who tries many is refused: codes are not found out by trying.

import type { Context } from "../../../service/context.ts";
import { GroupJoinRespSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { commitChange } from "./group-change.ts";

/** Commits, answers with the group, and tells its members. A member uses up nothing. */
export async function joinInvited(parts: ChatParts, context: Context, code: string): Promise<void> {
  const { app, account } = context;
  const groups = parts.store.groups;
  parts.rates.tryInvitation(context);
  // Known when the store has answered.
  const name = { toGroup: true, dest: "" };
  let isGuess = false;
  try {
    await commitChange(parts, context, {
      name,
      members: 1,
      ask: async () => {
        const outcome = await groups.joinInvited(app, account, code);
        name.dest = outcome.group ?? "";
        isGuess = outcome.result === "notFound";
        return outcome;
      },
      sentences: { notFound: "there is no such invitation, or it is not valid any more" },
      answer: () => context.respond(GroupJoinRespSchema, { group: name.dest }),
    });
  } finally {
    if (!isGuess) parts.rates.hadInvitation(context);
  }
}
