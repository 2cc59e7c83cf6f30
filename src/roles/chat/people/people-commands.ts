// The commands of what accounts let others do, and show of themselves.

import type { Handler } from "../../../service/router.ts";
import { Command, type CommandName } from "../../../wire/commands.ts";
import type { ChatParts } from "../chat-parts.ts";
import { accountBlock } from "./account-block.ts";
import { accountBlocked } from "./account-blocked.ts";
import { accountProfile, profileRequestBytesMax } from "./account-profile.ts";
import { accountSetProfile } from "./account-set-profile.ts";
import { accountSettings } from "./account-settings.ts";

/** With the length of the longest request in bytes, where that is no short one (short-requests.ts). */
export function peopleCommands(parts: ChatParts): readonly (readonly [CommandName, Handler, number?])[] {
  return [
    [Command.AccountBlock, accountBlock(parts, false)],
    [Command.AccountUnblock, accountBlock(parts, true)],
    [Command.AccountBlocked, accountBlocked(parts)],
    [Command.AccountSettings, accountSettings(parts)],
    [Command.AccountProfile, accountProfile(parts), profileRequestBytesMax],
    [Command.AccountSetProfile, accountSetProfile(parts)],
  ];
}
