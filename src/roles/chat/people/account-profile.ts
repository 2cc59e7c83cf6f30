// account.profile: what accounts show of themselves.

import { profilesMax } from "../../../base/limits/fixed.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { ProfileReqSchema, ProfileRespSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAccount, checkNotNegative } from "../conversation-name.ts";
import { nameBytesMax } from "../talk-body.ts";
import { profileBytesMax } from "./people-messages.ts";

/** The largest request: names and versions, with their tags and lengths. */
export const profileRequestBytesMax = profilesMax * (nameBytesMax + 16);
/** Most profiles are a name and a link. */
const usualBytes = 256;

/** Answers with those that the client does not have in their present version. */
export function accountProfile({ store, reads }: Pick<ChatParts, "store" | "reads">): Handler {
  return async (context) => {
    const { accounts, versions } = context.body(ProfileReqSchema);
    if (accounts.length > profilesMax)
      throw new Refusal(Status.PayloadTooLarge, `at most ${profilesMax} accounts in one request`);
    if (versions.length > accounts.length)
      throw new Refusal(Status.InvalidPacketBody, "there must not be more versions than accounts");
    for (const account of accounts) checkAccount("each of accounts", account);
    for (const version of versions) checkNotNegative("each of versions", version);
    const read = async (): Promise<number> => {
      const profiles = await store.people.profiles(context.app, accounts, versions);
      return context.respond(ProfileRespSchema, { profiles: [...profiles] });
    };
    await reads.run(context, accounts.length * profileBytesMax, read, accounts.length * usualBytes);
  };
}
