// The terminal client: shows conversations, and obeys the lines of its input: a person's, or a pipe's with commands.
//
// A message is acknowledged when the output has accepted it: the handler's promise resolves then. All output is one
// chain of promises, so that lines keep their order while a group's name is looked up.

import { namedText } from "../../base/printable.ts";
import type { Handlers } from "../../sdk/emitter.ts";
import type { Message } from "../../sdk/message.ts";
import { Messenger } from "../../sdk/messenger/messenger.ts";
import type { MessengerEvents } from "../../sdk/messenger/messenger-types.ts";
import { partnerOfMessage } from "../../sdk/messenger/partner.ts";
import { Absence, type Missed } from "./absence.ts";
import type { ChatCommand } from "./chat-context.ts";
import { CommandError } from "./command-error.ts";
import type { ChatOptions } from "./chat-options.ts";
import { complaintOf, noConnection } from "./complaint.ts";
import { CommunityNotices } from "./community-notices.ts";
import { ConnectionNotices } from "./connection-notices.ts";
import { allCommands, quitName } from "./commands/all-commands.ts";
import { type Input, parseInput } from "./input.ts";
import { type KeyedLine, Screen } from "./screen.ts";
import { Patience } from "./patience.ts";
import { PipeSession } from "./pipe-session.ts";
import { signInSentence } from "./sign-in-sentence.ts";
import { Talk } from "./talk.ts";

/**
 * Runs until /quit, the end of the input, or the end of the connection. Resolves with the exit status: 0 if everything
 * typed is stored, else 1.
 */
export async function runChat(options: ChatOptions): Promise<number> {
  if (options.terminal === undefined && !options.commands) return new PipeSession(options).run();
  return new ChatSession(options).run();
}

class ChatSession {
  private readonly options: ChatOptions;
  private readonly screen: Screen;
  private readonly notices: ConnectionNotices;
  private readonly patience: Patience;
  private readonly community: CommunityNotices;
  private status = 0;
  /** Resolves when the history is shown; new messages follow it. */
  private readonly begun = Promise.withResolvers<void>();
  /** The end of the chain of output. */
  private shown = this.begun.promise;
  /** On a terminal: collects missed messages from a sign-in until all are delivered. */
  private absence: Absence | undefined;
  /** Resolves when the missed messages are delivered, or cannot be delivered now. */
  private readonly caughtUp = Promise.withResolvers<void>();
  /** Once it is signed in; before, no output is shown. */
  private talk: Talk | undefined;
  /** The last prompt. */
  private prompted = "";

  constructor(options: ChatOptions) {
    this.options = options;
    this.screen = new Screen({ ...options, onTyped: (line) => this.typed(line) });
    this.community = new CommunityNotices(
      () => this.talk,
      (work) => void this.show(work),
    );
    this.notices = new ConnectionNotices(this.screen);
    this.patience = new Patience(this.screen, this.notices, options.patienceMs);
    if (this.screen.isTerminal) this.absence = new Absence();
  }

  async run(): Promise<number> {
    const { screen, notices } = this;
    let messenger: Messenger;
    try {
      messenger = await this.connect();
    } catch (error) {
      screen.complain(await signInSentence(error, this.options));
      return 1;
    }
    const talk = new Talk({
      messenger,
      screen,
      patience: this.patience,
      inOrder: (work) => void this.show(work),
    });
    this.talk = talk;
    notices.signedIn();
    if (screen.isTerminal)
      void screen.print(`* signed in as ${namedText(messenger.account)}; /help shows what you can do`);
    const isOpen = await this.open(talk);
    if (isOpen && screen.isTerminal) await this.attempt(() => this.showUnread(talk));
    this.begun.resolve();
    if (isOpen || screen.isTerminal) {
      await this.caughtUp.promise;
      await this.shown;
      await this.talkOn(talk);
    }
    screen.close();
    if (!notices.hasEnded) await talk.sender.drain();
    notices.leave();
    if (talk.sender.close() > 0) this.status = 1;
    // The close acknowledges what is shown.
    await this.shown;
    await messenger.close();
    return notices.hasEnded ? 1 : this.status;
  }

  /** Opens the conversation that the options name; reports whether that succeeded. */
  private open(talk: Talk): Promise<boolean> {
    const { to, group } = this.options;
    return this.attempt(async () => {
      if (to !== undefined) await talk.enter({ account: to });
      if (group !== undefined) await talk.enterGroup(group);
    });
  }

  private async showUnread(talk: Talk): Promise<void> {
    await talk.listReady();
    const unread = talk.unreadElsewhere();
    if (unread > 0)
      await this.screen.print(`* ${unread.toLocaleString("en-US")} unread elsewhere; /conversations shows where`);
  }

  private async talkOn(talk: Talk): Promise<void> {
    const parse = (line: string): Input<ChatCommand> => parseInput(line, allCommands);
    const lines = this.screen.lines((line) => talk.partner !== undefined && parse(line).kind === "message");
    await this.prompt();
    for await (const line of lines) {
      const typed = parse(line);
      if (typed.kind === "command" && typed.command.name === quitName) break;
      await this.attempt(() => obey(talk, typed));
      await this.prompt();
    }
  }

  private connect(): Promise<Messenger> {
    const { url, ca, lookup = [], token, device } = this.options;
    const trust = ca === undefined ? {} : { ca };
    // See Patience; what a person sends waits in the outbox.
    const tries = this.screen.isTerminal ? {} : { talkTriesMax: 1 };
    // From the first entry on, which comes before the sign-in has ended.
    return Messenger.connect({ url, ...trust, lookup, token, device, ...tries, on: this.handlers() }, (client) =>
      this.community.start(client, () => void this.prompt(false)),
    );
  }

  /** Tells the partner that a message is being typed. */
  private typed(line: string): void {
    const { talk } = this;
    if (talk?.partner !== undefined && parseInput(line, allCommands).kind === "message")
      talk.community.typing(talk.partner);
  }

  private handlers(): Handlers<MessengerEvents> {
    return {
      message: (message) => {
        return this.absence === undefined
          ? this.show(() => this.showMessages([message]))
          : this.absence.add(message, this.talk?.messenger.account ?? this.options.account);
      },
      messageChanged: (change) => void this.show(async () => this.talk?.view.changed(change)),
      read: (cursor) => void this.show(async () => this.talk?.view.read(cursor)),
      outboxChanged: (change) => this.talk?.sender.changed(change),
      conversationsChanged: () => void this.prompt(false),
      online: () => this.notices.online(),
      synced: () => {
        this.showMissed();
        this.community.back();
        this.absence = undefined;
        this.caughtUp.resolve();
      },
      syncFailed: () => {
        this.showMissed();
        this.caughtUp.resolve();
      },
      offline: (end) => this.offline(end),
    };
  }

  private offline(end: MessengerEvents["offline"]): void {
    this.caughtUp.resolve();
    this.showMissed();
    this.community.away();
    if (this.screen.isTerminal && end.returnsInMs !== undefined) this.absence ??= new Absence();
    this.notices.offline(end);
  }

  /** Runs `work` after all earlier output. */
  private show(work: () => Promise<void>): Promise<void> {
    this.shown = this.shown.then(work);
    return this.shown;
  }

  /** Shows messages that are not shown yet; resolves when the output has taken them. */
  private async showMessages(messages: readonly Message[], head?: string): Promise<void> {
    const view = this.talk?.view;
    if (view === undefined) return;
    const lines: (string | KeyedLine)[] = [];
    let isAllNew = true;
    for (const message of messages) {
      const added = await view.arrived(message);
      lines.push(...added);
      isAllNew &&= added.length > 0;
    }
    if (lines.length === 0) return;
    // What was shown as history has said how much is unread.
    await this.screen.print(...(head !== undefined && isAllNew ? [head] : []), ...lines);
    for (const message of messages) view.seen(message);
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
    const { talk } = this;
    const [first] = messages;
    if (talk === undefined || first === undefined) return;
    const partner = partnerOfMessage(first, talk.messenger.account);
    const of = (await talk.view.placeOf(partner, first)) === "" ? "" : ` of ${await talk.names.ofPartner(partner)}`;
    const head = `* ${left.toLocaleString("en-US")} earlier messages${of} are not shown`;
    await talk.view.know(messages);
    await this.showMessages(messages, left > 0 ? head : undefined);
    shown();
  }

  /** Runs `work`, and shows a failed request; reports whether it succeeded. */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.status = this.screen.isTerminal ? 0 : 1;
      this.screen.complain(complaintOf(error));
      return false;
    }
  }

  /** Shows the prompt. Unless `isNeeded`, only one that differs from the prompt that is there. */
  private async prompt(isNeeded = true): Promise<void> {
    const { talk } = this;
    if (!this.screen.isTerminal || talk === undefined) return;
    const text = await talk.prompt();
    if (isNeeded || text !== this.prompted) this.screen.prompt(text);
    this.prompted = text;
  }
}

async function obey(talk: Talk, input: Input<ChatCommand>): Promise<void> {
  if (input.kind === "message") await talk.send({ body: input.text });
  else if (input.kind === "command") {
    if (input.command.isLocal !== true && !talk.messenger.isOnline) throw new CommandError(noConnection);
    await input.command.run(talk, input.given);
  } else if (input.kind === "invalid") throw new CommandError(input.sentence);
}
