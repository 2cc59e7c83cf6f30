// The commands of groups.

import type { ChatCommand } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { groupLines, memberLine, nameList } from "../format.ts";
import { namedText } from "../../../base/printable.ts";

export const groupCommands: readonly ChatCommand[] = [
  {
    name: "/group create",
    usage: "NAME [ACCOUNT ...]",
    help: "create a group and talk in it",
    async run(context, { words: [name = "", ...members] }) {
      const { messenger, screen, names } = context;
      const { id, leftOut } = await messenger.newGroup({ name, members });
      await screen.print(`* group ${await names.shownName(id)}; others can join it with: /group join ${id}`);
      if (leftOut.length > 0)
        await screen.print(`* not added, because others have added them to too many groups: ${nameList(leftOut)}`);
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
    usage: "ID",
    help: "join a group and talk in it",
    async run(context, { words: [id = ""] }) {
      await context.messenger.joinGroup(id);
      await context.screen.print(`* you are in group ${await context.names.shownName(id)}`);
      await context.enter({ group: id });
    },
  },
  {
    name: "/group quit",
    usage: "NAME|ID",
    help: "leave a group",
    async run(context, { words: [nameOrId = ""] }) {
      const { messenger, names, partner, screen } = context;
      const found = await names.find(nameOrId);
      if ("refusal" in found) throw new CommandError(found.refusal);
      const name = await names.shownName(found.id);
      await messenger.quitGroup(found.id);
      names.forget(found.id);
      await screen.print(`* you left group ${name}`);
      if (partner !== undefined && "group" in partner && partner.group === found.id) context.leave();
    },
  },
  {
    name: "/groups",
    usage: "",
    help: "list your groups",
    run: async ({ screen, names }) => screen.print(...groupLines(await names.all())),
  },
  {
    name: "/who",
    usage: "",
    help: "list who receives your messages here",
    isLocal: true,
    async run({ messenger, screen, partner }) {
      if (partner === undefined) await screen.print("* nobody; name a receiver with /to ACCOUNT or /group use NAME");
      else if ("account" in partner) await screen.print(`* ${namedText(partner.account)}`);
      else {
        const { owner, members } = await messenger.group(partner.group);
        await screen.print(memberLine(owner, members));
      }
    },
  },
];
