// A stored change of membership on its way: this node's audience of the group follows it, connections with the feature
// `conversations` are pushed its entry, and all are notified as by the first version of the protocol.

import { create, toBinary } from "@bufbuild/protobuf";
import { noticeAccountsMax } from "../../../base/limits/fixed.ts";
import type { Context } from "../../../service/context.ts";
import type { PushHead } from "../../../service/dispatcher.ts";
import type { StoredEntry } from "../../../store/groups.ts";
import { Command } from "../../../wire/commands.ts";
import { GroupJoinNotifySchema, GroupQuitNotifySchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { pushEntry } from "../conversation-pushes.ts";
import { NoticeDelivery } from "../notices.ts";

/** The accounts became members, or ceased to be any. */
interface MembershipPush {
  readonly group: string;
  readonly accounts: readonly string[];
  readonly isMember: boolean;
  readonly version: bigint;
  readonly stored: StoredEntry;
}

/**
 * Pushes a change that is applied to the audience already. `paid`: what the actor was charged already. `concerned`: the
 * accounts of the whole request, of which this change may be a slice.
 */
export function pushMembership(
  parts: ChatParts,
  context: Context,
  change: MembershipPush,
  paid: number,
  concerned: number = change.accounts.length,
): void {
  const { accounts, version, stored } = change;
  const receivers = stored.isQuiet ? { only: [...new Set([...accounts, context.account])] } : { besides: accounts };
  pushEntry(parts, context, { ...stored, groupVersion: version }, paid, receivers);
  if (concerned <= noticeAccountsMax) notifyMembers(parts, context, change);
  else notifyAlone(parts, context, change);
}

/** The head of a notification: clients know those of the first version of the protocol by their commands. */
export function noticeHead({ channelId, sequence }: Context, dest: string, isMember: boolean): PushHead {
  return { command: isMember ? Command.GroupJoin : Command.GroupQuit, channelId, sequence, dest };
}

/** The body of a notification that one account joined or left. */
export function noticeBody(groupId: string, account: string, isMember: boolean): Uint8Array {
  const schema = isMember ? GroupJoinNotifySchema : GroupQuitNotifySchema;
  return toBinary(schema, create(schema, { groupId, account }));
}

function notifyMembers(parts: ChatParts, context: Context, change: MembershipPush): void {
  const { app, payer } = context;
  const { group, accounts, isMember, version } = change;
  const head = noticeHead(context, group, isMember);
  for (const account of accounts)
    parts.notices.send({ app, head, payer, account, version, isMember, body: noticeBody(group, account, isMember) });
}

/** Notifies each of many accounts of itself alone. Never throws: the request is answered already. */
function notifyAlone(parts: ChatParts, context: Context, { group, accounts, isMember }: MembershipPush): void {
  const { app, payer } = context;
  const head = noticeHead(context, group, isMember);
  const notify = async (): Promise<void> => {
    const located = await parts.sessions.locate(app, accounts);
    for (const [index, account] of accounts.entries()) {
      if ((located[index]?.length ?? 0) === 0) continue;
      const notice = { app, head, payer, body: noticeBody(group, account, isMember) };
      parts.fanOut.add(new NoticeDelivery(parts, notice, () => [account]));
    }
  };
  notify().catch((error: unknown) =>
    parts.rareLog.warn("notices were lost; clients see the change when they ask for the group", {
      error: String(error),
    }),
  );
}
