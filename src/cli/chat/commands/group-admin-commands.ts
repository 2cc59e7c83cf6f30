// The commands of those who run a group: each is about the group of the current conversation.

import { namedText, quotedText } from "../../../base/printable.ts";
import type { GroupUpdate } from "../../../sdk/community/community-types.ts";
import type { ChatCommand, ChatContext } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { unquoted } from "../command-form.ts";
import { bodyText, nameList, timeText } from "../format.ts";

/** How long a member is muted unless a time is given, in minutes. */
const muteMinutes = 60;
/** The longest mute, in minutes: 10 years. */
const muteMinutesMax = 5_256_000;

const texts = ["name", "announcement", "introduction", "avatar"] as const;
const switches = { closed: "isClosed", approval: "hasApproval", muted: "isMuted" } as const;
const fieldsHelp =
  "name, announcement, introduction or avatar with a text, or closed, approval or muted with on or off";

export const groupAdminCommands: readonly ChatCommand[] = [
  {
    name: "/group add",
    usage: "ACCOUNT [ACCOUNT ...]",
    help: "add members",
    run: (context, { words }) =>
      context.told(async () => {
        const { entryId, leftOut, unwilling } = await context.group().add(words);
        const { screen } = context;
        if (leftOut.length > 0)
          await screen.print(`* not added, because others have added them to too many groups: ${nameList(leftOut)}`);
        if (unwilling.length > 0)
          await screen.print(`* not added, because they do not let you (try /group invite): ${nameList(unwilling)}`);
        return new Set(words).size > leftOut.length + unwilling.length ? entryId : undefined;
      }),
  },
  {
    name: "/group kick",
    usage: "ACCOUNT [ACCOUNT ...]",
    help: "remove members",
    run: (context, { words }) => context.told(() => context.group().remove(words)),
  },
  {
    name: "/group admin",
    usage: "ACCOUNT [off]",
    help: "make a member an admin",
    run(context, { words: [account = "", word] }) {
      if (word !== undefined && word !== "off")
        throw new CommandError("/group admin: expected /group admin ACCOUNT, or off after it");
      return context.told(() => context.group().setRole(account, word === "off" ? "member" : "admin"));
    },
  },
  {
    name: "/group mute",
    usage: "ACCOUNT [MINUTES|off]",
    help: `keep a member from talking, for ${muteMinutes} minutes`,
    run: (context, { words: [account = "", word] }) => {
      const until = mutedUntil(word);
      return context.told(() => context.group().mute(account, until));
    },
  },
  {
    name: "/group transfer",
    usage: "ACCOUNT",
    help: "make a member the owner instead of you",
    run: (context, { words: [account = ""] }) => context.told(() => context.group().transfer(account)),
  },
  {
    name: "/group set",
    usage: "WHAT TEXT",
    help: "set name, announcement, approval, ...",
    run(context, { words: [what = ""], text }) {
      const changes = updateOf(what, text);
      return context.told(() => context.group().update(changes));
    },
  },
  {
    name: "/group alias",
    usage: "[NAME ...]",
    help: 'show or set your name here; "" removes it',
    async run(context, { words }) {
      const group = context.group();
      await context.community.groups.ready();
      // Who is no member is refused.
      if (group.state === undefined) await group.detail();
      const alias = group.state?.alias ?? "";
      const name = words.join(" ");
      if (words.length > 0 && name !== alias) return context.told(() => group.setAlias(name));
      return context.screen.print(aliasLine(await nameOf(context, group.id), alias));
    },
  },
  {
    name: "/group invite",
    usage: "[USES]",
    help: "make an invitation, for a week",
    async run(context, { words: [uses] }) {
      const usesMax = uses === undefined ? {} : { usesMax: numberOf("/group invite", uses, 100_000) };
      const invitation = await context.group().invite(usesMax);
      await context.screen.print(
        `* until ${timeText(invitation.expiresAt)}, others can join with: /group join ${bodyText(invitation.code)}`,
      );
    },
  },
  {
    name: "/group invitations",
    usage: "",
    help: "list what others can join with",
    async run(context) {
      const lines = (await context.group().invitations()).map(({ code, expiresAt, usesLeft, account }) => {
        const left = usesLeft === undefined ? "" : `, ${usesLeft.toLocaleString("en-US")} uses left`;
        return `* ${bodyText(code)}  (by ${namedText(account)}, until ${timeText(expiresAt)}${left})`;
      });
      await context.screen.print(...(lines.length === 0 ? ["* there are no invitations"] : lines));
    },
  },
  {
    name: "/group revoke",
    usage: "CODE",
    help: "end an invitation",
    async run(context, { words: [code = ""] }) {
      await context.group().revoke(code);
      await context.screen.print("* nobody can join with it any more");
    },
  },
  {
    name: "/group requests",
    usage: "",
    help: "list who asks to join",
    async run(context) {
      const lines: string[] = [];
      for await (const { requests, hasMore } of context.group().requests()) {
        for (const { account, text, time } of requests)
          lines.push(`* ${namedText(account)}, ${timeText(time)}${text === "" ? "" : `: ${bodyText(text)}`}`);
        if (hasMore) lines.push("* and others: answer these first");
        break;
      }
      await context.screen.print(...(lines.length === 0 ? ["* nobody asks to join"] : lines));
    },
  },
  {
    name: "/group accept",
    usage: "ACCOUNT",
    help: "let somebody join who asks to",
    run: (context, { words: [account = ""] }) => context.told(() => context.group().answer(account, true)),
  },
  {
    name: "/group decline",
    usage: "ACCOUNT",
    help: "refuse somebody who asks to join",
    async run(context, { words: [account = ""] }) {
      await context.group().answer(account, false);
      await context.screen.print(`* ${namedText(account)} may not join`);
    },
  },
  {
    name: "/group dismiss",
    usage: "[yes]",
    help: "end the group for everybody",
    async run(context, { words: [word] }) {
      const group = context.group();
      const name = await nameOf(context, group.id);
      if (word === undefined)
        return context.screen.print(`* end group ${name} for everybody, for good? then type /group dismiss yes`);
      if (word !== "yes") throw new CommandError("/group dismiss: expected /group dismiss or /group dismiss yes");
      return context.told(() => group.dismiss());
    },
  },
];

function aliasLine(group: string, alias: string): string {
  if (alias === "") return `* you have no name of your own in ${group}`;
  return `* your name in ${group} is ${quotedText(alias)}`;
}

function nameOf({ names }: ChatContext, id: string): Promise<string> {
  return names.shownName(id);
}

/** Parses `MINUTES` or `off`. */
function mutedUntil(word: string | undefined): Date | undefined {
  if (word === "off") return undefined;
  const minutes = word === undefined ? muteMinutes : numberOf("/group mute", word, muteMinutesMax);
  return new Date(Date.now() + minutes * 60_000);
}

function numberOf(name: string, word: string, max: number): number {
  const number = /^\d{1,9}$/.test(word) ? Number(word) : 0;
  if (number >= 1 && number <= max) return number;
  throw new CommandError(`${name}: expected a number from 1 to ${max.toLocaleString("en-US")}, not ${namedText(word)}`);
}

function updateOf(what: string, text: string): GroupUpdate {
  const field = texts.find((name) => name === what);
  // In quotes or not: a name with blanks is quoted elsewhere.
  if (field !== undefined) return { [field]: unquoted(text) };
  if (what !== "closed" && what !== "approval" && what !== "muted")
    throw new CommandError(`/group set: expected ${fieldsHelp}; not ${namedText(what)}`);
  if (text !== "on" && text !== "off") throw new CommandError(`/group set ${what}: expected on or off`);
  return { [switches[what]]: text === "on" };
}
