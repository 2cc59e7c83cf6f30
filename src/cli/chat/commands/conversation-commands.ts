// The commands of conversations.

import type { ChatCommand, ChatContext } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { conversationLine } from "../format.ts";

/** The most conversations that /conversations shows. */
const listedMax = 100;

export const conversationCommands: readonly ChatCommand[] = [
  {
    name: "/to",
    usage: "ACCOUNT",
    help: "talk to somebody",
    isLocal: true,
    run: (context, { words: [account = ""] }) => context.enter({ account }),
  },
  {
    name: "/conversations",
    usage: "",
    help: "list your conversations, and what is unread",
    isLocal: true,
    async run(context) {
      const { messenger, screen, names } = context;
      const { conversations } = messenger;
      if (messenger.isOnline) await context.listReady();
      const states = conversations.items.slice(0, listedMax);
      const lines: string[] = [];
      for (const state of states)
        lines.push(conversationLine(await names.ofPartner(state.partner), state, screen.columns));
      if (lines.length === 0) lines.push("* you have no conversations");
      if (conversations.hasMore || conversations.items.length > listedMax) lines.push("* and older ones");
      if (!messenger.isOnline) lines.push("* there is no connection: this is what was known before");
      await screen.print(...lines);
    },
  },
  {
    name: "/read",
    usage: "",
    help: "mark the conversation as read",
    async run(context) {
      await context.conversation().markRead();
      await context.screen.print("* it is marked as read");
    },
  },
  {
    name: "/pin",
    usage: "[#N] [off]",
    help: "keep it on top, or pin a message for all",
    run: async (context, { number, words }) => {
      const isPinned = isOn("/pin", words);
      if (number !== undefined) {
        const { message, partner } = context.message(number, () => true);
        return context.told(() => context.community.pinMessage(partner, message.id, isPinned));
      }
      await context.conversation().pin(isPinned);
      return context.screen.print(
        isPinned ? "* it stays on top of the list" : "* it is not on top of the list any more",
      );
    },
  },
  {
    name: "/pinned",
    usage: "",
    help: "show the messages that are pinned for all",
    run: (context) => context.showPinned(),
  },
  {
    name: "/mute",
    usage: "[off]",
    help: "show its messages only while you are in it",
    run: async (context, { words }) => {
      const isMuted = isOn("/mute", words, "; /group mute ACCOUNT keeps a member from talking");
      await context.conversation().mute(isMuted);
      await context.screen.print(
        isMuted ? "* its messages are shown only while you are in it" : "* its messages are shown everywhere again",
      );
    },
  },
  {
    name: "/hide",
    usage: "[#N]",
    help: "hide it till its next message, or a message",
    async run(context, { number }) {
      if (number === undefined) {
        await context.conversation().hide();
        return context.screen.print("* it is hidden until its next message");
      }
      await context.messenger.hideMessages([messageId(context, number)]);
      return context.screen.print(`* #${number} is hidden from you, on all your devices`);
    },
  },
  {
    name: "/clear",
    usage: "[yes]",
    help: "forget its messages, for you and for good",
    async run(context, { words: [word] }) {
      const conversation = context.conversation();
      const name = await context.names.ofPartner(conversation.partner);
      if (word === undefined)
        return context.screen.print(`* forget all messages of ${name}, for you and for good? then type /clear yes`);
      if (word !== "yes") throw new CommandError("/clear: expected /clear or /clear yes");
      await conversation.clear();
      return context.screen.print(`* the messages of ${name} are cleared for you; others keep them`);
    },
  },
];

function messageId(context: ChatContext, number: number): bigint {
  return context.message(number, () => true).message.id;
}

function isOn(name: string, [word]: readonly string[], also = ""): boolean {
  if (word !== undefined && word !== "off") throw new CommandError(`${name}: expected ${name} or ${name} off${also}`);
  return word === undefined;
}
