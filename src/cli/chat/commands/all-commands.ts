// All commands, in the order of /help.

import type { ChatCommand } from "../chat-context.ts";
import { helpLines } from "../command-form.ts";
import { conversationCommands } from "./conversation-commands.ts";
import { groupCommands } from "./group-commands.ts";
import { messageCommands } from "./message-commands.ts";
import { outboxCommands } from "./outbox-commands.ts";

const closing =
  "#N is the number beside a message, ~N that of one that is not stored. Put a name with blanks in double quotes. " +
  "Any other line is a message; begin it with // to send a slash. @ACCOUNT mentions somebody of the conversation.";

export const quitName = "/quit";

export const allCommands: readonly ChatCommand[] = [
  ...conversationCommands,
  ...messageCommands,
  ...outboxCommands,
  ...groupCommands,
  {
    name: "/help",
    usage: "",
    help: "show this",
    isLocal: true,
    run: ({ screen }) => screen.print(...helpLines(allCommands, screen.columns), closing),
  },
  // The session ends when it reads this one.
  { name: quitName, usage: "", help: "leave, as Ctrl-D does", isLocal: true, run: () => Promise.resolve() },
];
