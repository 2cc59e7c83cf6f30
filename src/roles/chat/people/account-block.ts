// account.block and account.unblock: whom an account does not hear from, and by whom it is not seen.

import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { BlockReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkPerson } from "../conversation-name.ts";
import { changedOwnState } from "../own-state.ts";

/** Repeating it is Success. The blocked account is told nothing. `isOff`: of unblock. */
export function accountBlock(parts: ChatParts, isOff: boolean): Handler {
  const { store, rates, limits } = parts;
  const { blocksPerAccount } = limits.values;
  return async (context) => {
    const { account: blocked } = context.body(BlockReqSchema);
    checkPerson("account", blocked);
    const { app, account } = context;
    if (blocked === account) throw new Refusal(Status.InvalidPacketBody, "nobody blocks itself");
    const people = store.people;
    rates.changePeople(context);
    const toKnown = rates.mayNotMakeAccounts(context);
    const outcome = await people.block({ app, account, blocked, isOff, ...(toKnown && { toKnown }) });
    if (outcome.result === "notFound") {
      limits.met("accountsMadePerSecond", { app, account });
      throw new Refusal(Status.RateLimited, rates.unknownReceiver);
    }
    if (outcome.madeAccount === true) rates.madeAccount(context);
    if (outcome.result === "full") limits.met("blocksPerAccount", { app, account });
    changedOwnState(parts, context, outcome, `an account blocks at most ${blocksPerAccount} others`);
  };
}
