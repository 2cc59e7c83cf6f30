// Translates pushed group notices to events of the client.

import { Command } from "../wire/commands.ts";
import { GroupCreateNotify } from "../wire/gen/messages/group-create-notify.ts";
import { GroupJoinNotify } from "../wire/gen/messages/group-join-notify.ts";
import { GroupQuitNotify } from "../wire/gen/messages/group-quit-notify.ts";
import { decodeMessage } from "../wire/message-codec.ts";
import type { ClientEvents } from "./client-options.ts";
import type { Emitter } from "./emitter.ts";

/** Emits the event of a notice. Ignores other commands, which a later protocol may push. */
export function emitGroupNotice(events: Emitter<ClientEvents>, command: string, body: Uint8Array): void {
  switch (command) {
    case Command.GroupCreate: {
      const notify = decodeMessage(GroupCreateNotify, body);
      if (notify !== undefined) void events.emit("groupCreated", { group: notify.groupId, members: notify.members });
      return;
    }
    case Command.GroupJoin: {
      const notify = decodeMessage(GroupJoinNotify, body);
      if (notify !== undefined) void events.emit("groupJoined", { group: notify.groupId, account: notify.account });
      return;
    }
    case Command.GroupQuit: {
      const notify = decodeMessage(GroupQuitNotify, body);
      if (notify !== undefined) void events.emit("groupQuit", { group: notify.groupId, account: notify.account });
      return;
    }
    default:
  }
}
