// The client in a pipe: prints messages, each once, and sends the lines of its input; it ends when the last line is
// stored. Unlike a terminal's, it asks for no conversations: a new device gets all that the server keeps, in order, and
// nothing counts as read. Nobody is there to send a line again, so it outlasts a server that fails over.

import { namedText } from "../../base/printable.ts";
import type { Message } from "../../sdk/message.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { keyOf, partnerOfMessage } from "../../sdk/messenger/partner.ts";
import { RoostClient } from "../../sdk/roost-client.ts";
import { shownMax } from "./absence.ts";
import { CommandError } from "./command-error.ts";
import type { ChatOptions } from "./chat-options.ts";
import { complaintOf } from "./complaint.ts";
import { ConnectionNotices } from "./connection-notices.ts";
import { DayLines } from "./day-lines.ts";
import { messageLine } from "./format.ts";
import { groupNotices } from "./group-notices.ts";
import { GroupNames } from "./group-names.ts";
import { isMentioned } from "./mentions.ts";
import { Patience } from "./patience.ts";
import { groupsInIndex, lastMessages } from "./pipe-history.ts";
import { Screen } from "./screen.ts";
import { signInSentence } from "./sign-in-sentence.ts";

export class PipeSession {
  private readonly options: ChatOptions;
  private readonly screen: Screen;
  private readonly notices: ConnectionNotices;
  private readonly patience: Patience;
  private status = 0;
  private partner: Partner | undefined;
  /** Resolves when the history is shown; new messages follow it. */
  private readonly begun = Promise.withResolvers<void>();
  /** The end of the chain of output. */
  private shown = this.begun.promise;
  /** Resolves when the missed messages are delivered, or cannot be delivered now. */
  private readonly caughtUp = Promise.withResolvers<void>();
  private account = "";
  private readonly days = new DayLines(Date.now());
  private names: GroupNames | undefined;

  constructor(options: ChatOptions) {
    this.options = options;
    this.screen = new Screen(options);
    this.notices = new ConnectionNotices(this.screen);
    this.patience = new Patience(this.screen, this.notices, options.patienceMs);
  }

  /** Resolves with the exit status: 0 if everything typed is stored, else 1. */
  async run(): Promise<number> {
    const { screen, notices } = this;
    let client: RoostClient;
    try {
      client = await this.connect();
    } catch (error) {
      screen.complain(await signInSentence(error, this.options));
      return 1;
    }
    this.account = client.account;
    // Without the feature `conversations`, a server tells the members besides, and lists no groups.
    const names = new GroupNames(
      async (id) => (await client.group(id)).name,
      () => groupsInIndex(client),
    );
    this.names = names;
    notices.signedIn();
    const isOpen = await this.attempt(() => this.patience.run(() => this.open(client, names)));
    this.begun.resolve();
    if (isOpen) {
      await this.caughtUp.promise;
      await this.shown;
      for await (const line of screen.lines(() => true)) await this.attempt(() => this.send(client, line));
    }
    notices.leave();
    screen.close();
    // The close acknowledges what is shown.
    await this.shown;
    await client.close();
    return notices.hasEnded ? 1 : this.status;
  }

  private connect(): Promise<RoostClient> {
    const { url, ca, lookup = [], token, device } = this.options;
    return RoostClient.connect({
      url,
      ...(ca === undefined ? {} : { ca }),
      lookup,
      token,
      device,
      // See Patience.
      talkTriesMax: 1,
      on: {
        message: (message) => this.show(async () => this.screen.print(...(await this.linesOf(message)))),
        online: () => this.notices.online(),
        synced: () => this.caughtUp.resolve(),
        syncFailed: () => this.caughtUp.resolve(),
        offline: (end) => {
          this.caughtUp.resolve();
          this.notices.offline(end);
        },
        ...groupNotices(
          (group, sentence) => this.tell(group, sentence),
          (account) => account === this.account,
        ),
      },
    });
  }

  /** Shows the last messages of the conversation that the options name. */
  private async open(client: RoostClient, names: GroupNames): Promise<void> {
    const { to, group } = this.options;
    if (to !== undefined) this.partner = { account: to };
    if (group !== undefined) {
      const found = await names.find(group);
      if ("refusal" in found) throw new CommandError(found.refusal);
      this.partner = { group: found.id };
    }
    if (this.partner === undefined) return;
    const lines: string[] = [];
    for (const message of await lastMessages(client, this.partner, shownMax))
      lines.push(...(await this.linesOf(message)));
    if (lines.length > 0) await this.screen.print(...lines);
  }

  private async send(client: RoostClient, body: string): Promise<void> {
    const { partner } = this;
    if (partner === undefined) throw new CommandError("no receiver; name one with --to ACCOUNT or --group NAME");
    await this.patience.talk(client, partner, { body });
  }

  /** Runs `work` after all earlier output. */
  private show(work: () => Promise<void>): Promise<void> {
    this.shown = this.shown.then(work);
    return this.shown;
  }

  private tell(group: string, sentence: (name: string) => string): void {
    void this.show(async () => this.screen.print(sentence((await this.names?.shownName(group)) ?? namedText(group))));
  }

  private async linesOf(message: Message): Promise<string[]> {
    const where = await this.whereOf(message);
    const isForMe = message.sender !== this.account && isMentioned(message.mentions, this.account);
    return [...this.days.before(message.sendTime), messageLine({ ...message, where, isForMe })];
  }

  /** Names a message's conversation; '' for the current one. */
  private async whereOf(message: Message): Promise<string> {
    const { group, sender, receiver } = message;
    const isHere = this.partner !== undefined && keyOf(partnerOfMessage(message, this.account)) === keyOf(this.partner);
    if (isHere) return "";
    if (group !== "") return (await this.names?.shownName(group)) ?? namedText(group);
    return sender === this.account ? `to ${namedText(receiver)}` : "to you";
  }

  /** Runs `work`, and shows a failed request; reports whether it succeeded. */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.status = 1;
      this.screen.complain(complaintOf(error));
      return false;
    }
  }
}
