// The commands about this account and others.

import { namedText } from "../../../base/printable.ts";
import type { Consent } from "../../../sdk/community/community-types.ts";
import type { ChatCommand } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { allowLine, nameLine } from "../community-notices.ts";
import { nameList } from "../format.ts";

/** The most blocked accounts that /blocked shows. */
const listedMax = 200;

const consents: readonly Consent[] = ["everybody", "conversations", "nobody"];
const allowForm = "/allow: expected write or add, and everybody, conversations or nobody";

export const peopleCommands: readonly ChatCommand[] = [
  {
    name: "/name",
    usage: "[NAME ...]",
    help: 'show or set your name; "" removes it',
    async run({ community, screen }, { words }) {
      await community.ready();
      const name = words.join(" ");
      if (words.length === 0 || name === community.profile.name) await screen.print(nameLine(community));
      else await community.setProfile({ name });
    },
  },
  {
    name: "/block",
    usage: "ACCOUNT",
    help: "get nothing more from somebody",
    async run({ community, screen }, { words: [account = ""] }) {
      await community.ready();
      if (community.blocked.has(account)) await screen.print(`* you block ${namedText(account)} already`);
      else await community.block(account);
    },
  },
  {
    name: "/unblock",
    usage: "ACCOUNT",
    help: "get messages of somebody again",
    async run({ community, screen }, { words: [account = ""] }) {
      await community.ready();
      if (!community.blocked.has(account)) await screen.print(`* you do not block ${namedText(account)}`);
      else await community.unblock(account);
    },
  },
  {
    name: "/blocked",
    usage: "",
    help: "list whom you block",
    async run({ community, screen }) {
      await community.ready();
      const accounts = [...community.blocked];
      await screen.print(accounts.length === 0 ? "* you block nobody" : `* ${nameList(accounts, listedMax)}`);
    },
  },
  {
    name: "/allow",
    usage: "[write|add] [WHOM]",
    help: "who may write to you, or add you to groups",
    async run({ community, screen }, { words: [what, whom] }) {
      await community.ready();
      const { settings } = community;
      if (what === undefined) return screen.print(allowLine(settings));
      const consent = consents.find((one) => one === whom);
      if ((what !== "write" && what !== "add") || consent === undefined) throw new CommandError(allowForm);
      if (settings[what] === consent) return screen.print(allowLine(settings));
      return community.setSettings({ [what]: consent });
    },
  },
];
