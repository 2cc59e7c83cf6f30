// The commands of groups. What they change is told by the entry that it leaves, as on other devices.

import type { ChatCommand, ChatContext } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { bodyText, groupLines, nameList, timeText } from "../format.ts";
import { settingsText } from "../group-sentences.ts";
import { namedText } from "../../../base/printable.ts";
import { RequestRefused } from "../../../sdk/client-errors.ts";
import { Status } from "../../../wire/gen/messages/status.ts";
import { memberMarks, peopleOf, personText } from "../people-format.ts";

/** The most members that /who and /group show. */
const listedMax = 200;

export const groupCommands: readonly ChatCommand[] = [
  {
    name: "/group create",
    usage: "NAME [ACCOUNT ...]",
    help: "create a group and talk in it",
    async run(context, { words: [name = "", ...members] }) {
      const { messenger, screen, names } = context;
      const { id, leftOut } = await messenger.newGroup({ name, members });
      context.doneHere(id, "created");
      const shownName = await names.shownName(id);
      await screen.print(`* group ${shownName}; others can join it with: /group join ${namedText(id)}`);
      if (leftOut.length > 0) {
        const why = "because others have added them to too many groups, or they do not let you add them";
        await screen.print(`* not added, ${why}: ${nameList(leftOut)}`);
      }
      await context.enter({ group: id });
    },
  },
  {
    name: "/group use",
    usage: "NAME|ID",
    help: "talk in a group",
    isLocal: true,
    run: (context, { words: [nameOrId = ""] }) => context.enterGroup(nameOrId),
  },
  {
    name: "/group join",
    usage: "ID|CODE",
    help: "join an open group, or by an invitation",
    async run(context, { words: [idOrCode = ""] }) {
      const id = await join(context, idOrCode);
      // Of a group that it was in already, there is no entry.
      context.doneHere(id, "joined");
      await context.screen.print(`* you are in group ${await context.names.shownName(id)}`);
      await context.enter({ group: id });
    },
  },
  {
    name: "/group request",
    usage: "ID [REASON ...]",
    help: "ask to join a group",
    async run({ community, screen }, { words: [id = "", ...reason] }) {
      await community.group(id).request(reason.join(" "));
      await screen.print("* you have asked to join; its owner or an admin answers");
    },
  },
  {
    name: "/group withdraw",
    usage: "ID",
    help: "ask no more to join a group",
    async run({ community, screen }, { words: [id = ""] }) {
      await community.group(id).withdraw();
      await screen.print("* you do not ask to join it any more");
    },
  },
  {
    name: "/group quit",
    usage: "NAME|ID",
    help: "leave a group",
    async run(context, { words: [nameOrId = ""] }) {
      const { community, names, partner, screen } = context;
      const found = await names.find(nameOrId);
      if ("refusal" in found) throw new CommandError(found.refusal);
      const name = await names.shownName(found.id);
      const takeBack = context.doneHere(found.id, "left");
      try {
        await community.group(found.id).leave();
      } catch (error) {
        takeBack();
        throw error;
      }
      names.forget(found.id);
      await screen.print(`* you left group ${name}`);
      if (partner !== undefined && "group" in partner && partner.group === found.id) context.leave();
    },
  },
  {
    name: "/group info",
    usage: "",
    help: "show its texts, settings, and members",
    async run(context) {
      const { screen, names } = context;
      const group = context.group();
      const detail = await group.detail();
      const { memberCount, announcement, introduction, requestCount } = detail;
      const members = `${memberCount.toLocaleString("en-US")} ${memberCount === 1 ? "member" : "members"}`;
      const since = `created ${timeText(detail.createdAt)}`;
      await screen.print(
        `* ${await names.shownName(group.id)}  ${namedText(group.id)}  (${members}, ${since})`,
        ...(announcement === "" ? [] : [`* announcement: ${bodyText(announcement)}`]),
        ...(introduction === "" ? [] : [`* introduction: ${bodyText(introduction)}`]),
        `* settings: ${settingsText(detail)}`,
        ...(requestCount === 0 ? [] : [`* ${requestCount} ask to join: /group requests shows them`]),
        await membersLine(context, group.id),
      );
    },
  },
  {
    name: "/groups",
    usage: "",
    help: "list your groups",
    async run({ screen, community }) {
      await community.groups.ready();
      await screen.print(...groupLines(community.groups.items));
    },
  },
  {
    name: "/who",
    usage: "",
    help: "list who is here, and who of them is online",
    isLocal: true,
    async run(context) {
      const { messenger, community, screen, partner } = context;
      if (partner === undefined) await screen.print("* nobody; name a receiver with /to ACCOUNT or /group use NAME");
      else if ("group" in partner) await screen.print(await membersLine(context, partner.group));
      else {
        const { account } = partner;
        const people = messenger.isOnline ? await peopleOf(community, [account]) : undefined;
        const marks = community.blocked.has(account) ? ["blocked by you"] : [];
        await screen.print(
          `* ${personText(account, people?.get(account) ?? { name: "", presence: undefined }, marks)}`,
        );
      }
    },
  },
];

/** Joins by an id, or by the code of an invitation; resolves with the group's id. */
async function join({ community }: ChatContext, idOrCode: string): Promise<string> {
  try {
    await community.group(idOrCode).join();
    return idOrCode;
  } catch (error) {
    if (!(error instanceof RequestRefused) || error.status !== Status.NotFound) throw error;
  }
  return community.join(idOrCode);
}

/** Formats the members of a group, its owner and admins first. */
async function membersLine({ community }: ChatContext, id: string): Promise<string> {
  const group = community.group(id);
  const found = new Map<string, string[]>();
  let hasMore = false;
  for (const adminsOnly of [true, false]) {
    for await (const page of group.members({ adminsOnly })) {
      for (const member of page.members)
        if (!found.has(member.account)) found.set(member.account, memberMarks(member, Date.now()));
      hasMore = page.hasMore;
      break;
    }
  }
  const accounts = [...found.keys()].toSorted((one, other) => rank(found.get(one)) - rank(found.get(other)));
  // An older server tells all members at once: more than can be watched.
  const listed = accounts.slice(0, listedMax);
  const people = await peopleOf(community, listed);
  const shown = listed.map((account) =>
    personText(account, people.get(account) ?? { name: "", presence: undefined }, found.get(account)),
  );
  return `* ${shown.join(", ")}${hasMore || accounts.length > listedMax ? " and others" : ""}`;
}

function rank([mark]: readonly string[] = []): number {
  return mark === "owner" ? 0 : mark === "admin" ? 1 : 2;
}
