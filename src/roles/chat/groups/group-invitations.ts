// chat.group.invitations: the valid invitations of a group.

import type { Handler } from "../../../service/router.ts";
import { GroupInvitationsReqSchema, GroupInvitationsRespSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { nameBytesMax } from "../talk-body.ts";
import { foundPage } from "./group-asks.ts";
import { invitationMessage } from "./group-messages.ts";
import { groupOf } from "./group-refusals.ts";

/** A code, numbers and a name. */
const invitationBytes = nameBytesMax + 64;

/** Answers the owner and the admins with all of them. */
export function groupInvitations({ store, reads, limits }: ChatParts): Handler {
  const bytes = limits.values.invitationsPerGroup * invitationBytes;
  return async (context) => {
    const group = groupOf(context.body(GroupInvitationsReqSchema));
    const { app, account: actor } = context;
    await reads.run(context, bytes, async () => {
      const answer = await store.groups.invitations({ app, group, actor });
      const { items } = foundPage({ limits }, context, answer);
      return context.respond(GroupInvitationsRespSchema, { invitations: items.map(invitationMessage) });
    });
  };
}
