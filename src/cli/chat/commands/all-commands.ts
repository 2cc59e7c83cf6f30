// All commands, in the order of /help.

import type { ChatCommand } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { helpLines } from "../command-form.ts";
import { conversationCommands } from "./conversation-commands.ts";
import { fileCommands } from "./file-commands.ts";
import { groupAdminCommands } from "./group-admin-commands.ts";
import { groupCommands } from "./group-commands.ts";
import { messageCommands } from "./message-commands.ts";
import { outboxCommands } from "./outbox-commands.ts";
import { peopleCommands } from "./people-commands.ts";

const closing =
  "#N is the number beside a message, ~N that of one that is not stored. Put a name with blanks in double quotes. " +
  "/group may be left out: /invite is /group invite; but not of /group mute. " +
  "Any other line is a message; begin it with // to send a slash. @ACCOUNT mentions somebody of the conversation.";

export const quitName = "/quit";

/** By the topics of /help. */
const topics: { readonly [topic: string]: readonly ChatCommand[] } = {
  conversations: conversationCommands,
  messages: [...messageCommands, ...fileCommands, ...outboxCommands],
  groups: groupCommands,
  "running a group": groupAdminCommands,
  people: peopleCommands,
};

export const allCommands: readonly ChatCommand[] = [
  ...Object.values(topics).flat(),
  {
    name: "/help",
    usage: "[TOPIC]",
    help: "show this, or one topic of it",
    isLocal: true,
    async run({ screen }, { words: [topic] }) {
      const chosen = Object.entries({ ...topics, program: programCommands() }).filter(
        ([name]) => topic === undefined || name.split(" ").includes(topic),
      );
      if (chosen.length === 0)
        throw new CommandError("/help: expected conversations, messages, groups, running, people or program");
      const lines = helpLines(
        chosen.flatMap(([, commands]) => commands),
        screen.columns,
      );
      await screen.print(...headed(chosen, lines), closing);
    },
  },
  // The session ends when it reads this one.
  { name: quitName, usage: "", help: "leave, as Ctrl-D does", isLocal: true, run: () => Promise.resolve() },
];

function programCommands(): readonly ChatCommand[] {
  return allCommands.slice(-2);
}

/** Puts the topics above their lines. */
function headed(chosen: readonly (readonly [string, readonly ChatCommand[]])[], lines: readonly string[]): string[] {
  const each = lines.length / chosen.reduce((sum, [, { length }]) => sum + length, 0);
  let at = 0;
  return chosen.flatMap(([topic, { length }]) => {
    const those = lines.slice(at, (at += length * each));
    return [`* ${topic}`, ...those];
  });
}
