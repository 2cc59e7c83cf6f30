// Translates pushed group notices to events of the client.

import { decodeBody } from "../wire/body.ts";
import { Command } from "../wire/commands.ts";
import { GroupCreateNotifySchema, GroupJoinNotifySchema, GroupQuitNotifySchema } from "../wire/gen/pkt_pb.ts";
import type { ClientEvents } from "./client-options.ts";
import type { Emitter } from "./emitter.ts";

/** Emits the event of a notice. Ignores other commands, which a later protocol may push. */
export function emitGroupNotice(events: Emitter<ClientEvents>, command: string, body: Uint8Array): void {
  switch (command) {
    case Command.GroupCreate: {
      const notify = decodeBody(GroupCreateNotifySchema, body);
      if (notify !== undefined) void events.emit("groupCreated", { group: notify.groupId, members: notify.members });
      return;
    }
    case Command.GroupJoin: {
      const notify = decodeBody(GroupJoinNotifySchema, body);
      if (notify !== undefined) void events.emit("groupJoined", { group: notify.groupId, account: notify.account });
      return;
    }
    case Command.GroupQuit: {
      const notify = decodeBody(GroupQuitNotifySchema, body);
      if (notify !== undefined) void events.emit("groupQuit", { group: notify.groupId, account: notify.account });
      return;
    }
    default:
  }
}
