// The terminal client: shows the history and new messages, and sends the lines of its input. At the end of a pipe it
// ends when the last line is stored.
//
// A message is acknowledged when the output has accepted it: the handler's promise resolves then. All output is one
// chain of promises, so that lines keep their order while a group's name is looked up.

import { namedText, printable } from "../../base/printable.ts";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../sdk/client-errors.ts";
import type { Message } from "../../sdk/message.ts";
import { RoostClient } from "../../sdk/roost-client.ts";
import { sentenceOf } from "../failure.ts";
import { Absence, type Missed } from "./absence.ts";
import type { ChatOptions, Partner } from "./chat-options.ts";
import { Conversations } from "./conversations.ts";
import { groupLines, memberLine, messageLine, nameList } from "./format.ts";
import { help, type Input, parseInput } from "./input.ts";
import { historyLines } from "./history.ts";
import { Screen } from "./screen.ts";
import { signInSentence } from "./sign-in-sentence.ts";

/** After this time, a line that is not stored is shown as waiting. */
const patienceMs = 2_000;

/**
 * Runs until /quit, the end of the input, or the end of the connection. Resolves with the exit status: 0 if everything
 * typed is stored, else 1.
 */
export async function runChat(options: ChatOptions): Promise<number> {
  return new ChatSession(options).run();
}

class ChatSession {
  private readonly options: ChatOptions;
  private readonly screen: Screen;
  private partner: Partner;
  private status = 0;
  /** Resolves when the history is shown; new messages follow it. */
  private readonly begun = Promise.withResolvers<void>();
  /** The end of the chain of output. */
  private shown = this.begun.promise;
  /** On a terminal: collects missed messages from a sign-in until all are delivered. */
  private absence: Absence | undefined;
  /** Resolves when the missed messages are delivered, or cannot be delivered now. */
  private readonly caughtUp = Promise.withResolvers<void>();
  private client: RoostClient | undefined;
  private conversations: Conversations | undefined;
  private hasBegun = false;
  private hasBeenOnline = false;
  private isLost = false;
  private isLeaving = false;

  constructor(options: ChatOptions) {
    this.options = options;
    this.screen = new Screen(options);
    if (this.screen.isTerminal) this.absence = new Absence();
  }

  async run(): Promise<number> {
    let client: RoostClient;
    try {
      client = await this.connect();
    } catch (error) {
      this.screen.complain(await signInSentence(error, this.options));
      return 1;
    }
    this.client = client;
    const conversations = new Conversations(client);
    this.conversations = conversations;
    if (this.screen.isTerminal)
      void this.screen.print(`* signed in as ${namedText(client.account)}; /help shows what you can do`);
    const isOpen = await this.open(client, conversations);
    this.hasBegun = true;
    this.begun.resolve();
    if (isOpen || this.screen.isTerminal) {
      await this.caughtUp.promise;
      await this.shown;
      await this.talkOn(client, conversations);
    }
    this.isLeaving = true;
    this.screen.close();
    // The close acknowledges what is shown.
    await this.shown;
    await client.close();
    return this.status;
  }

  private get areCommands(): boolean {
    return this.screen.isTerminal || this.options.commands;
  }

  /** Opens the conversation that the options name; reports whether that succeeded. */
  private async open(client: RoostClient, conversations: Conversations): Promise<boolean> {
    const { to, group } = this.options;
    const begun = await this.attempt(async () => {
      if (to !== undefined) await this.turnTo(client, conversations, { kind: "user", name: to });
      if (group !== undefined) await this.use(client, conversations, group);
    });
    return begun && (group === undefined || this.partner !== undefined);
  }

  private async talkOn(client: RoostClient, conversations: Conversations): Promise<void> {
    const lines = this.screen.lines((line) => this.partner !== undefined && parseInput(line).kind === "message");
    await this.prompt();
    for await (const line of lines) {
      const typed: Input = this.areCommands ? parseInput(line) : { kind: "message", text: line };
      if (typed.kind === "quit") break;
      await this.attempt(() => this.obey(client, conversations, typed));
      await this.prompt();
    }
  }

  private connect(): Promise<RoostClient> {
    const { url, ca, lookup = [], token, device, account } = this.options;
    return RoostClient.connect({
      url,
      ...(ca === undefined ? {} : { ca }),
      lookup,
      token,
      device,
      on: {
        message: (message) =>
          this.absence === undefined
            ? this.show(() => this.showMessage(message))
            : this.absence.add(message, this.client?.account ?? account),
        online: () => {
          this.hasBeenOnline = true;
          if (!this.isLost) return;
          this.isLost = false;
          this.screen.note("the connection is back");
        },
        synced: () => {
          this.showMissed();
          this.absence = undefined;
          this.caughtUp.resolve();
        },
        syncFailed: () => {
          this.showMissed();
          this.caughtUp.resolve();
        },
        offline: ({ reason, returnsInMs }) => {
          this.caughtUp.resolve();
          // The caller of `connect` reports a failed sign-in.
          if (this.isLeaving || !this.hasBeenOnline) return;
          this.showMissed();
          if (returnsInMs !== undefined) {
            if (this.screen.isTerminal) this.absence ??= new Absence();
            // The number at the end is for clients: it spreads their reconnects.
            const text = reason.text.replace(/; \d+$/, "");
            const why = text === "" ? "" : ` (${text})`;
            if (!this.isLost) this.screen.complain(`the connection is lost${why}; trying again`);
            this.isLost = true;
            return;
          }
          this.screen.complain(reason.text === "" ? "the connection ended" : `the connection ended: ${reason.text}`);
          this.status = 1;
          this.screen.close();
        },
        groupCreated: ({ group, members }) =>
          this.tell(group, (name) => `* you are in a new group ${name} with ${nameList(members)}`),
        groupJoined: ({ group, account: who }) => this.tell(group, (name) => `* ${namedText(who)} joined ${name}`),
        groupQuit: ({ group, account: who }) => this.tell(group, (name) => `* ${namedText(who)} left ${name}`),
      },
    });
  }

  /** Runs `work` after all earlier output. */
  private show(work: () => Promise<void>): Promise<void> {
    this.shown = this.shown.then(work);
    return this.shown;
  }

  private tell(group: string, sentence: (name: string) => string): void {
    void this.show(async () => this.screen.print(sentence(await this.groupName(group))));
  }

  private async groupName(id: string): Promise<string> {
    return (await this.conversations?.shownName(id)) ?? namedText(id);
  }

  private async showMessage(message: Message): Promise<void> {
    const where = await this.whereOf(message);
    await this.screen.print(messageLine({ ...message, where }));
  }

  /** Names a message's conversation; '' for the current one. */
  private async whereOf({ group, sender, receiver }: Message): Promise<string> {
    const { partner } = this;
    if (group !== "") {
      return partner?.kind === "group" && partner.name === group ? "" : this.groupName(group);
    }
    const isOwn = sender === this.client?.account;
    if (partner?.kind === "user" && partner.name === (isOwn ? receiver : sender)) return "";
    return isOwn ? `to ${namedText(receiver)}` : "to you";
  }

  /** Shows the missed messages that have come so far. */
  private showMissed(): void {
    const { absence } = this;
    if (absence === undefined) return;
    const { others } = absence;
    absence.others = 0;
    const missed = absence.take();
    if (others > 0)
      void this.show(() =>
        this.screen.print(`* ${others.toLocaleString("en-US")} messages of other conversations are not shown`),
      );
    for (const conversation of missed) void this.show(() => this.showConversation(conversation));
  }

  private async showConversation({ messages, left, shown }: Missed): Promise<void> {
    const [first] = messages;
    const lines: string[] = [];
    if (left > 0 && first !== undefined) {
      const where = await this.whereOf(first);
      const partner = first.sender === this.client?.account ? first.receiver : first.sender;
      const of = where === "" ? "" : ` of ${first.group === "" ? namedText(partner) : where}`;
      lines.push(`* ${left.toLocaleString("en-US")} earlier messages${of} are not shown`);
    }
    for (const message of messages) lines.push(messageLine({ ...message, where: await this.whereOf(message) }));
    await this.screen.print(...lines);
    shown();
  }

  /** Makes this the current conversation, and shows its last messages. */
  private async turnTo(
    client: RoostClient,
    conversations: Conversations,
    partner: NonNullable<Partner>,
  ): Promise<void> {
    this.partner = partner;
    // At the start, new messages are delivered after the history.
    const lines = await historyLines(client, conversations, partner, this.hasBegun);
    if (lines.length > 0) await this.screen.print(...lines);
  }

  /** Makes a group the current conversation, if this account is a member. */
  private async use(client: RoostClient, conversations: Conversations, nameOrId: string): Promise<void> {
    const found = await conversations.find(nameOrId);
    if ("refusal" in found) this.fail(found.refusal);
    else await this.turnTo(client, conversations, { kind: "group", name: found.id });
  }

  private async obey(client: RoostClient, conversations: Conversations, input: Input): Promise<void> {
    const { screen } = this;
    switch (input.kind) {
      case "message":
        return this.talk(client, input.text);
      case "help":
        await screen.print(...help.split("\n"));
        return;
      case "to":
        return this.turnTo(client, conversations, { kind: "user", name: input.name });
      case "use":
        return this.use(client, conversations, input.name);
      case "join":
        await client.joinGroup(input.name);
        await this.turnTo(client, conversations, { kind: "group", name: input.name });
        return;
      case "quitGroup": {
        const found = await conversations.find(input.name);
        if ("refusal" in found) return this.fail(found.refusal);
        await client.quitGroup(found.id);
        conversations.forget(found.id);
        if (this.partner?.kind === "group" && this.partner.name === found.id) this.partner = undefined;
        return;
      }
      case "create": {
        const { id, leftOut } = await client.newGroup({ name: input.name, members: input.members });
        this.partner = { kind: "group", name: id };
        await screen.print(`* group ${await this.groupName(id)}; others can join it with: /group join ${id}`);
        if (leftOut.length > 0)
          await screen.print(`* not added, because others have added them to too many groups: ${nameList(leftOut)}`);
        return;
      }
      case "groups":
        return screen.print(...groupLines(await conversations.groups()));
      case "who":
        return this.who(client);
      case "invalid":
        return this.fail(input.sentence);
      case "nothing":
      case "quit":
        return;
    }
  }

  private async talk(client: RoostClient, text: string): Promise<void> {
    const { partner } = this;
    if (partner === undefined) {
      const how = this.areCommands ? "/to ACCOUNT or /group use NAME" : "--to ACCOUNT or --group NAME";
      this.fail(`no receiver; name one with ${how}`);
      return;
    }
    const { isTerminal } = this.screen;
    const waiting = isTerminal
      ? setTimeout(() => void this.screen.print(`* not stored yet: ${printable(text)}`), patienceMs)
      : undefined;
    try {
      const talk = { body: text };
      const { sendTime } =
        partner.kind === "user"
          ? await client.talkToUser(partner.name, talk)
          : await client.talkToGroup(partner.name, talk);
      if (!isTerminal) return;
      await this.screen.print(messageLine({ sender: client.account, body: text, sendTime, where: "", isStored: true }));
    } catch (error) {
      // The typed line was erased.
      if (isTerminal) void this.screen.print(`! not stored: ${printable(text)}`);
      throw error;
    } finally {
      clearTimeout(waiting);
    }
  }

  private async who(client: RoostClient): Promise<void> {
    const { partner } = this;
    if (partner === undefined) await this.screen.print("* nobody; name a receiver with /to ACCOUNT or /group use NAME");
    else if (partner.kind === "user") await this.screen.print(`* ${namedText(partner.name)}`);
    else {
      const { owner, members } = await client.group(partner.name);
      await this.screen.print(memberLine(owner, members));
    }
  }

  /** Runs `work`, and shows a failed request; reports whether it succeeded. */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof RequestRefused || error instanceof RequestTimedOut || error instanceof Disconnected))
        throw error;
      this.fail(sentenceOf(error));
      return false;
    }
  }

  private fail(sentence: string): void {
    this.status = this.screen.isTerminal ? 0 : 1;
    this.screen.complain(sentence);
  }

  private async prompt(): Promise<void> {
    if (!this.screen.isTerminal) return;
    const { partner } = this;
    if (partner === undefined) this.screen.prompt("> ");
    else if (partner.kind === "user") this.screen.prompt(`${namedText(partner.name)}> `);
    else this.screen.prompt(`[${await this.groupName(partner.name)}]> `);
  }
}
