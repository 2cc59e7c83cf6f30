// account.set-profile: what an account shows of itself.

import { profileAvatarBytesMax, profileExtraBytesMax } from "../../../base/limits/fixed.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { ProfileSetReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { changedOwnState } from "../own-state.ts";
import { checkDisplayName, checkShown, isLongerThan } from "../text-bounds.ts";

/** What is absent stays as it is. */
export function accountSetProfile(parts: ChatParts): Handler {
  return async (context) => {
    const { name, avatar, extra } = context.body(ProfileSetReqSchema);
    if (name === undefined && avatar === undefined && extra === undefined)
      throw new Refusal(Status.InvalidPacketBody, "at least one of name, avatar and extra must be set");
    if (name !== undefined) checkDisplayName("name", name);
    if (avatar !== undefined) checkAvatar(avatar);
    if (extra !== undefined && isLongerThan(extra, profileExtraBytesMax))
      throw new Refusal(Status.PayloadTooLarge, `extra has at most ${profileExtraBytesMax} bytes`);
    const change = {
      ...(name === undefined ? {} : { name }),
      ...(avatar === undefined ? {} : { avatar }),
      ...(extra === undefined ? {} : { extra }),
    };
    const { app, account } = context;
    const people = parts.store.people;
    parts.rates.changePeople(context);
    changedOwnState(parts, context, await people.setProfile({ app, account, ...change }));
  };
}

/** Clients show what is behind it: a link that runs code (`javascript:`) must not get there. */
function checkAvatar(avatar: string): void {
  if (isLongerThan(avatar, profileAvatarBytesMax))
    throw new Refusal(Status.PayloadTooLarge, `avatar has at most ${profileAvatarBytesMax} bytes`);
  if (avatar === "") return;
  checkShown("avatar", avatar);
  if (!/^https?:\/\/\S+$/i.test(avatar) || !URL.canParse(avatar))
    throw new Refusal(Status.InvalidPacketBody, "avatar must be an http or https URL, or empty");
}
