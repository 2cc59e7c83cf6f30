// Asks the app's back end before a group is changed. Which group it is, the body says: `dest` of a client may name
// another one.

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Context } from "../../../service/context.ts";
import type { Middleware } from "../../../service/router.ts";
import { hasConversations } from "../../../wire/features.ts";
import { Command } from "../../../wire/commands.ts";
import * as pkt from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { requireAllowed } from "../require-allowed.ts";

/** '': it is not known yet. Undefined: the request is about none. Throws InvalidPacketBody. */
type GroupOf = (context: Context) => string | undefined;

function of<Desc extends DescMessage>(schema: Desc, groupIn: (request: MessageShape<Desc>) => string): GroupOf {
  return (context) => {
    const group = groupIn(context.body(schema));
    return group === "" ? undefined : group;
  };
}

/** The commands that change what others see of a group. */
const groups: ReadonlyMap<string, GroupOf> = new Map([
  [Command.GroupCreate, () => ""],
  [Command.GroupJoin, joined],
  [Command.GroupQuit, of(pkt.GroupQuitReqSchema, ({ groupId }) => groupId)],
  [Command.GroupUpdate, of(pkt.GroupUpdateReqSchema, ({ group }) => group)],
  [Command.GroupAdd, of(pkt.GroupAddReqSchema, ({ group }) => group)],
  [Command.GroupRemove, of(pkt.GroupRemoveReqSchema, ({ group }) => group)],
  [Command.GroupRole, of(pkt.GroupRoleReqSchema, ({ group }) => group)],
  [Command.GroupTransfer, of(pkt.GroupTransferReqSchema, ({ group }) => group)],
  [Command.GroupMute, of(pkt.GroupMuteReqSchema, ({ group }) => group)],
  [Command.GroupDismiss, of(pkt.GroupDismissReqSchema, ({ group }) => group)],
  [Command.GroupAlias, of(pkt.GroupAliasReqSchema, ({ group }) => group)],
  [Command.GroupPin, of(pkt.GroupPinReqSchema, ({ group }) => group)],
  [Command.GroupUnpin, of(pkt.GroupPinReqSchema, ({ group }) => group)],
  [Command.GroupInvite, of(pkt.GroupInviteReqSchema, ({ group }) => group)],
  [Command.GroupRevoke, of(pkt.GroupRevokeReqSchema, ({ group }) => group)],
  [Command.GroupRequest, of(pkt.GroupRequestReqSchema, ({ group }) => group)],
  [Command.GroupAnswer, of(pkt.GroupAnswerReqSchema, ({ group }) => group)],
]);

/** An invitation decides, whatever else the request names. */
function joined(context: Context): string | undefined {
  const { code, groupId } = context.body(pkt.GroupJoinReqSchema);
  if (code !== "" && hasConversations(context.location.features)) return "";
  return groupId === "" ? undefined : groupId;
}

/** The innermost middleware of group commands: without a before hook it costs a look-up. */
export function askBeforeGroup({ before }: Pick<ChatParts, "before">): Middleware {
  return (next) => (context) => {
    const { app, account, command } = context;
    if (!before.asksOfGroups(app)) return next(context);
    const group = groups.get(command)?.(context);
    if (group === undefined) return next(context);
    return before.ofGroup(app, account, command, group).then((verdict) => {
      requireAllowed(verdict);
      return next(context);
    });
  };
}
