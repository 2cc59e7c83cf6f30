// Signing in those who talk and listen.

import { Command } from "../../src/wire/commands.ts";
import { inBatches } from "./in-batches.ts";
import type { Load } from "./load.ts";
import { LoadClient } from "./load-client.ts";
import { TalkTemplate } from "./numbered-talk.ts";
import { eventsOf, type Traffic } from "./traffic.ts";

/** Sign-ins under way at once. */
const abreast = 50;
export const bodyBytes = 100;

/** Pairs of a sender and its own receiver, online or not. */
export async function connectPairs(
  traffic: Traffic,
  { target, settings, tell }: Load,
  isOnline: boolean,
): Promise<void> {
  const { senders, run } = settings;
  await inBatches(
    senders,
    abreast,
    async () => {
      const sender = traffic.sender();
      const dest = receiverName(run, sender.number);
      if (isOnline) {
        const receiver = traffic.receiver();
        receiver.client = await LoadClient.signIn(target, dest, eventsOf(traffic, undefined, receiver));
      }
      sender.client = await LoadClient.signIn(target, senderName(run, sender.number), eventsOf(traffic, sender));
      const plan = { command: Command.UserTalk, dest, sender: sender.number, bodyBytes };
      sender.requests = new TalkTemplate(sender.client.dialect, plan);
    },
    (done) => tell("signing in", done),
  );
}

/** Sender `number`. */
export function senderName(run: string, number: number): string {
  return `sender-${run}-${number}`;
}

/** Who listens to sender `number`. */
export function receiverName(run: string, number: number): string {
  return `receiver-${run}-${number}`;
}
