// chat.group.invite: makes an invitation, with which accounts join a group whether it is closed or not.

import { assert } from "../../../base/assert.ts";
import { invitationSecondsDefault, invitationSecondsMax, invitationUsesMax } from "../../../base/limits/fixed.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupInviteReqSchema, InvitationSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { askChange } from "./group-asks.ts";
import { invitationMessage } from "./group-messages.ts";
import { groupOf } from "./group-refusals.ts";

/** 128 bits that nobody guesses. */
const codeBits = 128;

/** Repeating it makes another invitation. */
export function groupInvite(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupInviteReqSchema);
    const group = groupOf(request);
    const { expiresIn, uses } = request;
    if (expiresIn < 0n || expiresIn > BigInt(invitationSecondsMax))
      throw new Refusal(
        Status.InvalidPacketBody,
        `expiresIn must be 1 to ${invitationSecondsMax} seconds, or 0 for ${invitationSecondsDefault}`,
      );
    if (uses > invitationUsesMax)
      throw new Refusal(Status.InvalidPacketBody, `uses must be 1 to ${invitationUsesMax}, or 0 for any number`);
    const { app, account: actor } = context;
    const validSeconds = expiresIn === 0n ? invitationSecondsDefault : Number(expiresIn);
    const code = parts.random.base62(codeBits);
    const draft = { app, group, actor, code, validSeconds, uses };
    const done = await askChange(parts, context, () => parts.store.groups.invite(draft));
    assert(done !== undefined, "every invitation is another one");
    context.respond(InvitationSchema, invitationMessage(done.invitation));
  };
}
