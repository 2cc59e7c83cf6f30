// chat.group.update: changes a group's texts and settings.

import type { LimitValues } from "../../../base/limits/table.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupUpdateReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkShown, isLongerThan } from "../text-bounds.ts";
import { commitChange } from "./group-change.ts";
import { groupOf } from "./group-refusals.ts";

/** What a request has beside its texts. */
const restBytes = 1024;

/** The largest request. */
export function updateBytesMax({ groupTextBytes }: LimitValues): number {
  return 4 * groupTextBytes + restBytes;
}

/** What is absent stays as it is. */
export function groupUpdate(parts: ChatParts): Handler {
  const { store, limits } = parts;
  const { groupTextBytes } = limits.values;
  return async (context) => {
    const request = context.body(GroupUpdateReqSchema);
    const { name, avatar, introduction, announcement, closed, approval, muted } = request;
    const group = groupOf(request);
    const { app, account: actor } = context;
    const texts = { name, avatar, introduction, announcement };
    const settings = { isClosed: closed, hasApproval: approval, isForAdmins: muted };
    const changed = Object.fromEntries(Object.entries({ ...texts, ...settings }).filter(([, to]) => to !== undefined));
    if (Object.keys(changed).length === 0)
      throw new Refusal(Status.InvalidPacketBody, "at least one of the group's texts and settings must be set");
    for (const [field, text = ""] of Object.entries(texts)) {
      if (!isLongerThan(text, groupTextBytes)) continue;
      limits.met("groupTextBytes", { app, account: actor });
      throw new Refusal(Status.PayloadTooLarge, `a group's ${field} has at most ${groupTextBytes} bytes`);
    }
    if (name === "") throw new Refusal(Status.InvalidPacketBody, "name must not be empty");
    if (name !== undefined) checkShown("name", name);
    await commitChange(parts, context, {
      name: { toGroup: true, dest: group },
      ask: () => store.groups.change({ kind: "update", app, group, actor, ...changed }),
      sentences: { forbidden: "only the owner and the admins of a group change it" },
    });
  };
}
