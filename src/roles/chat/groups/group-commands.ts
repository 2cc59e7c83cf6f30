// The commands of groups that need the feature `conversations`.

import type { Handler } from "../../../service/router.ts";
import { Command, type CommandName } from "../../../wire/commands.ts";
import type { ChatParts } from "../chat-parts.ts";
import { groupAdd } from "./group-add.ts";
import { groupAlias } from "./group-alias.ts";
import { groupAnswer } from "./group-answer.ts";
import { groupDismiss } from "./group-dismiss.ts";
import { groupInvitations } from "./group-invitations.ts";
import { groupInvite } from "./group-invite.ts";
import { groupList } from "./group-list.ts";
import { groupMute } from "./group-mute.ts";
import { groupPin } from "./group-pin.ts";
import { groupPinned } from "./group-pinned.ts";
import { groupRemove } from "./group-remove.ts";
import { groupRequest } from "./group-request.ts";
import { groupRequests } from "./group-requests.ts";
import { groupRevoke } from "./group-revoke.ts";
import { groupRole } from "./group-role.ts";
import { groupTransfer } from "./group-transfer.ts";
import { groupUpdate, updateBytesMax } from "./group-update.ts";
import { membersRequestBytesMax } from "./members-change.ts";

/** With the length of the longest request in bytes, where that is no short one (short-requests.ts). */
export function groupCommands(parts: ChatParts): readonly (readonly [CommandName, Handler, number?])[] {
  return [
    [Command.GroupList, groupList(parts)],
    [Command.GroupUpdate, groupUpdate(parts), updateBytesMax(parts.limits.values)],
    [Command.GroupAdd, groupAdd(parts), membersRequestBytesMax],
    [Command.GroupRemove, groupRemove(parts), membersRequestBytesMax],
    [Command.GroupRole, groupRole(parts)],
    [Command.GroupTransfer, groupTransfer(parts)],
    [Command.GroupMute, groupMute(parts)],
    [Command.GroupDismiss, groupDismiss(parts)],
    [Command.GroupAlias, groupAlias(parts)],
    [Command.GroupPin, groupPin(parts, false)],
    [Command.GroupUnpin, groupPin(parts, true)],
    [Command.GroupPinned, groupPinned(parts)],
    [Command.GroupInvite, groupInvite(parts)],
    [Command.GroupRevoke, groupRevoke(parts)],
    [Command.GroupInvitations, groupInvitations(parts)],
    [Command.GroupRequest, groupRequest(parts)],
    [Command.GroupRequests, groupRequests(parts)],
    [Command.GroupAnswer, groupAnswer(parts)],
  ];
}
