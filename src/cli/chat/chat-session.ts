// The terminal client: history on entry, messages as they come, lines out. Through a pipe too: then it ends after the
// last line was stored.

import { createInterface } from "node:readline";
import { namedText, printable } from "../../base/printable.ts";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../sdk/client-errors.ts";
import type { Message } from "../../sdk/message.ts";
import { RoostClient } from "../../sdk/roost-client.ts";
import { lineAbove, saidLine } from "../command-output.ts";
import { sentenceOf } from "../failure.ts";
import { messageLine } from "./format.ts";
import { help, type Input, parseInput } from "./input.ts";

/** Messages of the conversation that are shown on entry. */
const historyMessages = 20;

export interface ChatOptions {
  readonly url: readonly string[];
  /** Registry nodes that name servers, which are tried before `url`. */
  readonly lookup?: readonly string[];
  readonly token: string;
  readonly account: string;
  readonly device: string;
  readonly to: string | undefined;
  readonly group: string | undefined;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly errors: NodeJS.WritableStream;
  readonly isTerminal: boolean;
}

/** Who hears what is typed. */
type Partner = { readonly kind: "user" | "group"; readonly name: string } | undefined;

/** Runs until /quit, the end of the input, or the end of the connection. 0: all that was typed is stored; 1: not so. */
export async function runChat(options: ChatOptions): Promise<number> {
  const session = new ChatSession(options);
  return session.run();
}

class ChatSession {
  private readonly options: ChatOptions;
  /** Made when the conversation begins: a line that is read before anybody listens would be lost. */
  private lines: ReturnType<typeof createInterface> | undefined;
  private partner: Partner;
  private status = 0;
  /** Until the history is on the screen: what comes meanwhile waits. */
  private early: Message[] | undefined = [];
  /** What was missed has been delivered, or cannot be now. */
  private readonly caughtUp = Promise.withResolvers<void>();
  private isLeaving = false;

  constructor(options: ChatOptions) {
    this.options = options;
    if (options.group !== undefined) this.partner = { kind: "group", name: options.group };
    else if (options.to !== undefined) this.partner = { kind: "user", name: options.to };
  }

  async run(): Promise<number> {
    let client: RoostClient;
    try {
      client = await this.connect();
    } catch (error) {
      const { url, lookup = [] } = this.options;
      this.complain(`cannot sign in at ${[...lookup, ...url].join(", ")}: ${sentenceOf(error)}`);
      return 1;
    }
    if (this.options.isTerminal) this.print(`* signed in as ${namedText(client.account)}; /help shows what you can do`);
    await this.caughtUp.promise;
    await this.attempt(() => this.showHistory(client));
    const waiting = this.early ?? [];
    this.early = undefined;
    for (const message of waiting) this.print(messageLine(message));
    const { input, output, isTerminal } = this.options;
    const lines = createInterface(isTerminal ? { input, output, terminal: true } : { input, terminal: false });
    this.lines = lines;
    this.prompt();
    for await (const line of lines) {
      const typed = parseInput(line);
      if (typed.kind === "quit") break;
      await this.attempt(() => this.obey(client, typed));
      this.prompt();
    }
    this.isLeaving = true;
    lines.close();
    await client.close();
    return this.status;
  }

  private connect(): Promise<RoostClient> {
    const { url, lookup = [], token, device } = this.options;
    return RoostClient.connect({
      url,
      lookup,
      token,
      device,
      on: {
        message: (message) => {
          if (this.early !== undefined) this.early.push(message);
          else this.print(messageLine(message));
        },
        synced: () => this.caughtUp.resolve(),
        syncFailed: () => this.caughtUp.resolve(),
        offline: ({ reason, returnsInMs }) => {
          this.caughtUp.resolve();
          if (this.isLeaving) return;
          if (returnsInMs !== undefined) {
            this.complain(`the connection is lost (${reason.text}); trying again`);
            return;
          }
          this.complain(`the connection ended: ${reason.text}`);
          this.status = 1;
          this.lines?.close();
        },
        groupCreated: ({ group, members }) =>
          this.print(`* you are in a new group ${namedText(group)} with ${members.map(namedText).join(", ")}`),
        groupJoined: ({ group, account }) => this.print(`* ${namedText(account)} joined ${namedText(group)}`),
        groupQuit: ({ group, account }) => this.print(`* ${namedText(account)} left ${namedText(group)}`),
      },
    });
  }

  /** The last messages of this conversation, but for those that are about to be shown as new. */
  private async showHistory(client: RoostClient): Promise<void> {
    const { partner } = this;
    if (partner === undefined) return;
    const fresh = new Set(this.early?.map(({ id }) => id));
    let recent: { id: bigint; sender: string; sendTime: bigint }[] = [];
    for (let after = 1n; ;) {
      const page = await client.index(after, true);
      const last = page.at(-1);
      if (last === undefined) break;
      const ours = page.filter(
        ({ group, accountB, messageId }) =>
          !fresh.has(messageId) &&
          (partner.kind === "group" ? group === partner.name : group === "" && accountB === partner.name),
      );
      const entries = ours.map(({ messageId: id, direction, accountB, sendTime }) => ({
        id,
        sender: direction === 1 ? client.account : accountB,
        sendTime,
      }));
      recent = [...recent, ...entries].slice(-historyMessages);
      after = last.messageId;
    }
    const bodies = new Map(
      (await client.contents(recent.map(({ id }) => id))).map(({ messageId, body }) => [messageId, body]),
    );
    for (const { id, sender, sendTime } of recent) {
      this.print(messageLine({ sender, sendTime, group: "", body: bodies.get(id) ?? "" }));
    }
  }

  private async obey(client: RoostClient, input: Input): Promise<void> {
    switch (input.kind) {
      case "message":
        await this.talk(client, input.text);
        return;
      case "help":
        this.print(help);
        return;
      case "to":
        this.partner = { kind: "user", name: input.name };
        await this.showHistory(client);
        return;
      case "use":
        this.partner = { kind: "group", name: input.name };
        await this.showHistory(client);
        return;
      case "join":
        await client.joinGroup(input.name);
        this.partner = { kind: "group", name: input.name };
        return;
      case "quitGroup":
        await client.quitGroup(input.name);
        if (this.partner?.name === input.name) this.partner = undefined;
        return;
      case "create": {
        const { id, leftOut } = await client.newGroup({ name: input.name, members: input.members });
        this.partner = { kind: "group", name: id };
        this.print(`* group ${namedText(id)}; others enter it with: /group join ${id}`);
        if (leftOut.length > 0) {
          const names = leftOut.map(namedText).join(", ");
          this.print(`* left out, because others have put them in too many groups: ${names}`);
        }
        return;
      }
      case "who":
        await this.who(client);
        return;
      case "wrong":
        this.fail(input.sentence);
        return;
      case "nothing":
      case "quit":
        return;
    }
  }

  private async talk(client: RoostClient, text: string): Promise<void> {
    const { partner } = this;
    if (partner === undefined) this.fail("nobody is listening; /to ACCOUNT or /group use ID says who");
    else if (partner.kind === "user") await client.talkToUser(partner.name, { body: text });
    else await client.talkToGroup(partner.name, { body: text });
  }

  private async who(client: RoostClient): Promise<void> {
    const { partner } = this;
    if (partner === undefined) this.print("* nobody; /to ACCOUNT or /group use ID says who");
    else if (partner.kind === "user") this.print(`* ${namedText(partner.name)}`);
    else {
      const { owner, members } = await client.group(partner.name);
      this.print(
        `* ${members.map(({ account }) => `${namedText(account)}${account === owner ? " (owner)" : ""}`).join(", ")}`,
      );
    }
  }

  /** A request that fails is said, and the conversation goes on. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RequestRefused || error instanceof RequestTimedOut || error instanceof Disconnected))
        throw error;
      this.fail(sentenceOf(error));
    }
  }

  private fail(sentence: string): void {
    this.status = this.options.isTerminal ? 0 : 1;
    this.complain(sentence);
  }

  private prompt(): void {
    if (!this.options.isTerminal) return;
    this.lines?.setPrompt(this.partner === undefined ? "> " : `${namedText(this.partner.name)}> `);
    this.lines?.prompt(true);
  }

  private print(text: string): void {
    // On a terminal the line that is being typed moves down.
    this.options.output.write(this.options.isTerminal ? lineAbove(text) : `${text}\n`);
    if (this.options.isTerminal && this.lines !== undefined) this.lines.prompt(true);
  }

  private complain(sentence: string): void {
    this.options.errors.write(this.options.isTerminal ? lineAbove(`! ${printable(sentence)}`) : saidLine(sentence));
  }
}
