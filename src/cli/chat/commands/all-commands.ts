// All commands, in the order of /help.

import type { ChatCommand } from "../chat-context.ts";
import { helpLines } from "../command-form.ts";
import { conversationCommands } from "./conversation-commands.ts";
import { groupCommands } from "./group-commands.ts";
import { messageCommands } from "./message-commands.ts";

const closing =
  "#N is the number beside a message. Put a name with blanks in double quotes. Any other line is a message; begin it " +
  "with // to send a slash.";

export const quitName = "/quit";

export const allCommands: readonly ChatCommand[] = [
  ...conversationCommands,
  ...messageCommands,
  {
    name: "/retry",
    usage: "",
    help: "send again what was not stored",
    async run(context) {
      if (context.retry() === 0) await context.screen.print("* nothing has failed");
    },
  },
  ...groupCommands,
  {
    name: "/help",
    usage: "",
    help: "show this",
    run: ({ screen }) => screen.print(...helpLines(allCommands, screen.columns), closing),
  },
  // The session ends when it reads this one.
  { name: quitName, usage: "", help: "leave", run: () => Promise.resolve() },
];
