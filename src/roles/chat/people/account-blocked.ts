// account.blocked: whom an account blocks.

import { blockedPageMax } from "../../../base/limits/fixed.ts";
import type { Handler } from "../../../service/router.ts";
import { BlockedReqSchema, BlockedRespSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkAfter, pageOf } from "../conversation-name.ts";
import { nameBytesMax } from "../talk-body.ts";

/** Answers with a page, in the order of the names' bytes. */
export function accountBlocked({ store, reads }: Pick<ChatParts, "store" | "reads">): Handler {
  return async (context) => {
    const { after, limit: asked } = context.body(BlockedReqSchema);
    checkAfter(after);
    const limit = pageOf(asked, blockedPageMax);
    await reads.run(context, limit * nameBytesMax, async () => {
      const { accounts, hasMore } = await store.people.blocked(context.app, context.account, after, limit);
      return context.respond(BlockedRespSchema, { accounts: [...accounts], hasMore });
    });
  };
}
