// chat.group.dismiss: ends a group for everybody at once.

import { systemAccount } from "../../../auth/names.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupDismissReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { NoticeDelivery } from "../notices.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";
import { noticeBody, noticeHead } from "./membership-pushes.ts";

/**
 * Tells the members that were online before it: afterwards the group has none. Connections without the feature are
 * notified that its owner left.
 */
export function groupDismiss(parts: ChatParts): Handler {
  const { store, audience, fanOut } = parts;
  return async (context) => {
    const group = groupOf(context.body(GroupDismissReqSchema));
    const { app, account: actor } = context;
    const groups = store.groups;
    const people = store.people;
    let online: readonly string[] = [];
    const stored = await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: async () => {
        // Nobody but the owner makes this node read the members.
        const found = await groups.members({ app, group, asker: actor, after: "", limit: 0, isAdminsOnly: false });
        if (found.result === "found" && (found.group.role === "owner" || actor === systemAccount)) {
          // Another node may have changed who is a member.
          const { groupVersion } = await people.mayTalk({ app, account: actor, toGroup: true, dest: group });
          online = [...(await audience.online(app, group, groupVersion))];
        }
        return groups.change({ kind: "dismiss", app, group, actor });
      },
      sentences: { forbidden: "only the owner of a group dismisses it" },
      receivers: () => ({ only: online }),
    });
    if (stored === undefined) return;
    const head = noticeHead(context, group, false);
    const notice = { app, head, payer: context.payer, body: noticeBody(group, actor, false) };
    fanOut.add(new NoticeDelivery(parts, notice, () => online));
  };
}
