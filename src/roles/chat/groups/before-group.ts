// Asks the app's back end before a group is changed.

import type { Middleware } from "../../../service/router.ts";
import { Command } from "../../../wire/commands.ts";
import type { ChatParts } from "../chat-parts.ts";
import { requireAllowed } from "../require-allowed.ts";

/** Commands that change nothing that others see. */
const isReading: ReadonlySet<string> = new Set([
  Command.GroupDetail,
  Command.GroupMembers,
  Command.GroupList,
  Command.GroupPinned,
  Command.GroupInvitations,
  Command.GroupRequests,
]);

/** The innermost middleware of group commands: without a before hook it costs a look-up. */
export function askBeforeGroup({ before }: Pick<ChatParts, "before">): Middleware {
  return (next) => (context) => {
    const { app, account, command, dest } = context;
    if (!before.asksOfGroups(app) || isReading.has(command)) return next(context);
    return before.ofGroup(app, account, command, dest).then((verdict) => {
      requireAllowed(verdict);
      return next(context);
    });
  };
}
