// The commands of messages: each names one by the number beside it.

import type { ChatCommand, ChatContext } from "../chat-context.ts";
import { CommandError } from "../command-error.ts";
import { isSame } from "../partners.ts";
import type { Shown } from "../shown-messages.ts";

export const messageCommands: readonly ChatCommand[] = [
  {
    name: "/reply",
    usage: "#N TEXT",
    help: "answer a message",
    async run(context, { number, text }) {
      const { message, partner } = context.message(number, () => true);
      if (!isSame(partner, context.partner))
        throw new CommandError(`#${number} is of another conversation; go there first: /to ACCOUNT or /group use NAME`);
      await context.send({ body: text, replyTo: message.id });
    },
  },
  {
    name: "/edit",
    usage: "[#N] TEXT",
    help: "change your message; default: the last",
    async run(context, { number, text }) {
      const { message } = ownMessage(context, number);
      const { extra } = message;
      await context.messenger.edit(message.id, extra === "" ? { body: text } : { body: text, extra });
    },
  },
  {
    name: "/recall",
    usage: "[#N]",
    help: "take your message back; default: the last",
    async run(context, { number }) {
      await context.messenger.recall(ownMessage(context, number).message.id);
    },
  },
  {
    name: "/react",
    usage: "[#N] SIGN",
    help: "react, or take it back; default: the last",
    async run(context, { number, words: [sign = ""] }) {
      const { messenger } = context;
      const { message } = context.message(number, isOthers(context));
      const isOn = message.reactions.some(({ reaction, isMine }) => isMine && reaction === sign);
      await messenger.react(message.id, sign, !isOn);
    },
  },
];

function isOthers({ messenger, partner }: ChatContext): (shown: Shown) => boolean {
  return (shown) =>
    isSame(shown.partner, partner) && shown.message.sender !== messenger.account && !shown.message.isRecalled;
}

function ownMessage(context: ChatContext, number: number | undefined): Shown {
  const { messenger, partner } = context;
  const isOwn = ({ message }: Shown): boolean => message.sender === messenger.account;
  const shown = context.message(number, (one) => isSame(one.partner, partner) && isOwn(one) && !one.message.isRecalled);
  if (!isOwn(shown)) throw new CommandError(`#${number} is not yours; only its sender can change a message`);
  if (shown.message.isRecalled) throw new CommandError(`#${number} is recalled already`);
  return shown;
}
