// The commands of what is typed and not stored.

import { bodyText } from "../format.ts";
import type { ChatCommand } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";

/** The most messages that /outbox shows. */
const listedMax = 100;

export const outboxCommands: readonly ChatCommand[] = [
  {
    name: "/outbox",
    usage: "",
    help: "list what is not stored",
    isLocal: true,
    async run({ screen, sender, names }) {
      const lines: string[] = [];
      const unsent = sender.list();
      for (const { name, partner, body, isRefused } of unsent.slice(0, listedMax)) {
        const what = isRefused ? "was refused" : "waits";
        lines.push(`* ${name} ${what}, to ${await names.ofPartner(partner)}: ${bodyText(body)}`);
      }
      if (unsent.length > listedMax) lines.push(`* and ${(unsent.length - listedMax).toLocaleString("en-US")} more`);
      await screen.print(...(lines.length === 0 ? ["* everything is stored"] : lines));
    },
  },
  {
    name: "/retry",
    usage: "",
    help: "send again what was refused",
    isLocal: true,
    async run({ screen, sender }) {
      if (sender.retry() === 0) await screen.print("* nothing has failed");
    },
  },
  {
    name: "/discard",
    usage: "[~N]",
    help: "drop what is not stored; default: the last",
    isLocal: true,
    async run({ screen, sender }, { words: [word] }) {
      const number = word === undefined ? undefined : /^~?(\d{1,9})$/.exec(word)?.[1];
      if (word !== undefined && number === undefined) throw new CommandError("/discard: expected /discard [~N]");
      const { body, mayBeStored } = await sender.discard(number === undefined ? undefined : Number(number));
      const but = mayBeStored ? "* dropped, unless the server has it already" : "* dropped";
      await screen.print(`${but}: ${bodyText(body)}`);
    },
  },
];
