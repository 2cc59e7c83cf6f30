// A run of random commands against a store and the model of conversations: ten accounts with three devices each, in an
// app of their own. Each command is made of a kind and a seed, by what the model has at that moment, so that a run with
// some commands left out is a run, too.

import fc from "fast-check";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { Store, Talk } from "../../src/store/store.ts";
import { Random } from "../support/random.ts";
import { ampleMs, named } from "./conversation-asks.ts";
import { ModelDevice } from "./conversation-device.ts";
import { ConversationModel } from "./conversation-model.ts";
import { type ModelMessage, otherOf } from "./model-messages.ts";
import { ConversationReads, type ReadStore } from "./conversation-reads.ts";
import { type DoneWrite, send, type Write } from "./conversation-write.ts";
import { accounts, GroupCommands, tellOfGroups } from "./group-commands.ts";
import { endId } from "./model-groups.ts";

const kinds = [
  ["talk", 30],
  ["repeat", 12],
  ["edit", 9],
  ["recall", 5],
  ["react", 14],
  ["hide", 4],
  ["set", 9],
  ["clear", 2],
  ["read", 9],
  ["ack", 2],
  ["create", 2],
  ["join", 6],
  ["quit", 5],
  ["sync", 2],
] as const;
/** What only stores with groups and people are asked. */
const groupKinds = [
  ["update", 5],
  ["role", 6],
  ["transfer", 2],
  ["mute", 6],
  ["alias", 2],
  ["dismiss", 1],
  ["add", 5],
  ["remove", 4],
  ["invite", 5],
  ["revoke", 1],
  ["enter", 6],
  ["request", 6],
  ["withdraw", 1],
  ["answer", 6],
  ["pin", 7],
  ["block", 6],
  ["consent", 4],
  ["profile", 2],
  ["seen", 1],
  ["large", 2],
  ["tidy", 2],
  ["reopen", 1],
] as const;
/** What is no write. */
type OtherKind = "sync" | "tidy" | "reopen";
type CommandKind = (typeof kinds)[number][0] | (typeof groupKinds)[number][0];
export interface Command {
  readonly kind: CommandKind;
  readonly seed: number;
}

function commandsOf(weights: readonly (readonly [CommandKind, number])[]): fc.Arbitrary<Command> {
  return fc.record({
    kind: fc.oneof(...weights.map(([kind, weight]) => ({ arbitrary: fc.constant(kind), weight }))),
    seed: fc.noShrink(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  });
}

/** Commands by their weights. Only lists of them are shrunk. */
export const commands: fc.Arbitrary<Command> = commandsOf(kinds);
/** The same with those of groups and people. */
export const allCommands: fc.Arbitrary<Command> = commandsOf([...kinds, ...groupKinds]);

const reactions = ["a", "b", "é", "👍", "\u0000", ""] as const;
const bodies = ["", "hello", "\u0000ü😀", "x".repeat(511) + "é", "😀".repeat(130)] as const;

/** Where a run sends its commands: a store, or something that answers as one does. */
export interface RunTarget {
  readonly reads: ReadStore;
  send(write: Write): Promise<DoneWrite>;
  /** Whether it takes the write; undefined: it takes all. */
  isPossible?(write: Write): boolean;
  /** Does the housekeeping of groups that have ended, as far as it is due. */
  tidy?(): Promise<void>;
  /** Closes it and opens it again. */
  reopen?(): Promise<void>;
}

export function targetOf(store: Store, app: string): RunTarget {
  return { reads: store, send: (write) => send(store, app, write) };
}

export class ConversationRun {
  readonly app: string;
  readonly model: ConversationModel;
  readonly reads: ConversationReads;
  private readonly devices: ReadonlyMap<string, readonly ModelDevice[]>;
  private readonly talks: Talk[] = [];
  private readonly changes: Write[] = [];
  private readonly foreign: readonly bigint[];
  readonly isShared: boolean;
  private readonly groupCommands: GroupCommands;
  private groups = 0;

  /**
   * `foreign`: ids of another app. `isShared`: others write to the store meanwhile, so that its last id is not known.
   * `limits`: of the store, in place of the initial ones.
   */
  constructor(
    app: string,
    {
      foreign = [],
      isShared = false,
      limits = {},
    }: {
      readonly foreign?: readonly bigint[];
      readonly isShared?: boolean;
      readonly limits?: Partial<LimitValues>;
    } = {},
  ) {
    this.app = app;
    this.model = new ConversationModel(limits);
    this.groupCommands = new GroupCommands(app, this.model);
    this.foreign = foreign;
    this.isShared = isShared;
    this.reads = new ConversationReads(this.model, app, isShared);
    this.devices = new Map(
      accounts.map((account) => [account, Array.from({ length: 3 }, () => new ModelDevice(app, account))]),
    );
  }

  /** Makes the accounts known, and two groups. */
  async begin(target: RunTarget): Promise<void> {
    await this.learnLast(target.reads);
    for (const account of accounts) {
      await this.write(target, { method: "acknowledge", account, device: "first", id: 1n });
    }
    for (const [at, members] of [accounts.slice(1, 5), accounts.slice(1, 3)].entries()) {
      await this.write(target, { method: "createGroup", draft: this.draft(accounts[at * 2] ?? "", members) });
    }
  }

  /** Does a command, compares its answer, and reads something. */
  async step(target: RunTarget, { kind, seed }: Command): Promise<void> {
    const { reads } = target;
    const random = new Random(seed);
    if (kind === "sync") await this.sync(reads, random, this.someone(random));
    else if (kind === "tidy") await target.tidy?.();
    else if (kind === "reopen") return await target.reopen?.();
    else {
      const write = this.writeOf(kind, random);
      if (target.isPossible?.(write) === false) return;
      if (this.needsLast(write)) await this.learnLast(reads);
      await this.write(target, write);
    }
    await this.reads.any(reads, this.someone(random), random, this.someIds(random));
  }

  /** Compares all that there is, and every device. */
  async end(store: ReadStore): Promise<void> {
    const random = new Random(1);
    for (const account of accounts) {
      await this.reads.all(store, account);
      await this.sync(store, random, account, 3);
    }
  }

  async learnLast(store: ReadStore): Promise<void> {
    const nobody = { app: this.app, account: "nobody", device: "", includeSent: false, includeEvents: true };
    this.reads.learnLast((await store.entries({ ...nobody, after: 0n, limit: 1 })).lastId);
  }

  /** A write for a kind of command, by what the model has now. */
  writeOf(kind: Exclude<CommandKind, OtherKind>, random: Random): Write {
    const { app } = this;
    const account = this.someone(random);
    switch (kind) {
      case "talk":
        return { method: "append", talk: this.talk(account, random) };
      case "repeat": {
        // What changes something may change nothing the second time.
        const again = this.changes[this.changes.length - 1 - random.below(15)];
        if (again !== undefined && !random.once(3)) return again;
        const before = this.talks[this.talks.length - 1 - random.below(12)] ?? this.talk(account, random);
        const talk = random.once(4) ? { ...before, body: "other" } : before;
        return { method: "append", talk: random.once(8) ? { ...talk, ...named(this.place(account, random)) } : talk };
      }
      case "edit": {
        const [body, extra] = [random.pick(bodies), random.once(3) ? "x" : ""];
        const clientId = random.once(2) ? random.pick(["k", "l"]) : "";
        const windowMs = random.once(9) ? 0 : ampleMs;
        const messageId = this.anId(account, random, true);
        return { method: "change", change: { kind, app, actor: account, messageId, body, extra, clientId, windowMs } };
      }
      case "recall": {
        const messageId = this.anId(account, random, true);
        const windowMs = random.once(5) ? 0 : ampleMs;
        return { method: "change", change: { kind, app, actor: account, messageId, windowMs } };
      }
      case "react": {
        // Many kinds on few messages, now and then.
        const reaction = random.once(3) ? `r${random.below(30)}` : random.pick(reactions) || "z";
        const messageId = this.anId(account, random, false, random.once(2) ? 3 : 40);
        return { method: "change", change: { kind, app, actor: account, messageId, reaction, isOff: random.once(3) } };
      }
      case "hide": {
        const messageIds = Array.from({ length: 1 + random.below(5) }, () => this.anId(account, random, false));
        return { method: "hide", request: { app, account, messageIds } };
      }
      case "set": {
        const [isPinned, isMuted, isHidden] = [random.once(2), random.once(2), random.once(2)];
        const change = {
          ...(random.once(2) && { isPinned }),
          ...(random.once(3) && { isMuted }),
          ...(random.once(2) && { isHidden }),
        };
        const known = this.reads.reader.conversationsOf(account);
        const name = random.once(5) ? undefined : known[random.below(known.length)];
        return { method: "set", setting: { app, account, ...named(name ?? this.place(account, random)), ...change } };
      }
      case "clear": {
        const place = this.place(account, random);
        const clearUpTo = random.once(4) && !this.isShared ? endId : this.anId(account, random, false);
        const within = clearUpTo > this.model.lastId && this.isShared ? this.model.lastId : clearUpTo;
        return { method: "set", setting: { app, account, ...named(place), clearUpTo: within } };
      }
      case "read": {
        const messageId = this.anId(account, random, false);
        const message = this.model.messages.get(messageId);
        const its = message === undefined || message.sender !== account ? message?.sender : message.inbox;
        const name = message?.inbox.startsWith("@") === true ? message.inbox : its;
        const place = random.once(6) || name === undefined ? this.place(account, random) : name;
        return { method: "markRead", mark: { app, account, ...named(place), messageId } };
      }
      case "ack": {
        const id = this.anId(account, random, false);
        return { method: "acknowledge", account, device: random.pick(["phone", "desk"]), id: id < 0n ? 0n : id };
      }
      case "create":
        return {
          method: "createGroup",
          draft: this.draft(
            account,
            accounts.filter((each) => each !== account && random.once(3)),
          ),
        };
      case "join":
      case "quit": {
        const group = this.place(account, random, "group").slice(1);
        const owner = this.model.groups.get(`@${group}`)?.owner ?? account;
        const muted = [...(this.model.groups.get(`@${group}`)?.mutes.keys() ?? [])];
        const other = muted[random.below(2 * muted.length + 2)] ?? this.someone(random);
        if (muted.includes(other) && random.once(2))
          return { method: kind, change: { app, group, actor: other, account: other } };
        const [actor, whom] = random.once(2) ? [account, account] : [random.once(4) ? account : owner, other];
        return { method: kind, change: { app, group, actor, account: whom } };
      }
      case "pin": {
        const messageId = this.anId(account, random, false, 12);
        const message = this.model.messages.get(messageId);
        const its = message === undefined || random.once(9) ? this.place(account, random) : otherOf(account, message);
        const admin = this.groupCommands.admin(its.slice(1), account, random);
        const actor = its.startsWith("@") && !random.once(3) ? admin : account;
        return { method: "pin", change: { app, actor, ...named(its), messageId, isOff: random.once(4) } };
      }
      default: {
        const known = this.reads.reader.conversationsOf(account).filter((name) => name.startsWith("@"));
        const name = random.once(4) ? undefined : known[random.below(known.length)];
        const isOver = name === undefined || this.model.groups.get(name)?.members.size === 0;
        const group = (isOver ? this.place(account, random, "group") : name).slice(1);
        return this.groupCommands.write(kind, { account, other: this.someone(random), group }, random);
      }
    }
  }

  /** Does a write and tells the model of it. */
  private async write(target: RunTarget, write: Write): Promise<void> {
    this.tell(await target.send(write));
  }

  /** Tells the model of a write; throws unless it was answered as the model says. */
  tell(done: DoneWrite): void {
    const { model } = this;
    if (done.method !== "append" && done.method !== "createGroup" && done.method !== "invite") {
      const { outcome: _, ...write } = done;
      this.changes.push(write);
    }
    switch (done.method) {
      case "append":
        this.talks.push(done.talk);
        return model.talk(done.talk, done.outcome);
      case "change":
        return model.change(done.change, done.outcome);
      case "set":
        return model.set(done.setting, done.outcome);
      case "hide":
        return model.hide(done.request, done.outcome);
      case "markRead":
        return model.markRead(done.mark, done.outcome);
      case "acknowledge":
        return model.acknowledge(done.account, done.device, done.id, done.outcome);
      case "createGroup":
        return model.create(done.draft, done.outcome);
      case "join":
      case "quit":
        return model.membership(done.method, done.change, done.outcome);
      default:
        return tellOfGroups(model, done);
    }
  }

  private async sync(store: ReadStore, random: Random, account: string, count = 1): Promise<void> {
    const devices = this.devices.get(account) ?? [];
    for (let i = 0; i < count; i++) {
      const device = devices[count === 1 ? random.below(3) : i];
      await device?.sync(store, random);
      device?.compare(this.model, this.reads.reader);
    }
  }

  /** Some are busier than others. */
  private someone(random: Random): string {
    return accounts[random.once(4) ? random.below(accounts.length) : random.below(4)] ?? "";
  }

  /** A conversation, which the account may have. */
  private place(account: string, random: Random, only?: "group"): string {
    const { groups } = this.model;
    // Mostly of those that have not ended.
    const live = random.once(6) ? [] : groups.names.filter((name) => groups.get(name)?.members.size !== 0);
    const [first = "@none", ...rest] = live.length === 0 ? groups.names : live;
    if (random.once(25)) return only === "group" || random.once(2) ? "@none" : account;
    // What follows each other in one group meets more than what is spread over all.
    const recent = this.model.entries.at(-1 - random.below(3))?.inbox;
    if (recent?.startsWith("@") === true && random.once(3)) return recent;
    return only === "group" || random.once(2) ? random.pick([first, ...rest]) : this.someone(random);
  }

  private talk(sender: string, random: Random): Talk {
    const place = this.place(sender, random);
    const [body, extra] = [random.pick(bodies), random.once(5) ? "x" : ""];
    const clientId = random.once(3) ? `c${random.below(20)}` : "";
    const mention = (): string => (random.once(20) ? "nobody" : this.someone(random));
    const members = [...(this.model.groups.get(place)?.members ?? [sender, place])];
    const fitting = members.slice(0, 1 + random.below(3)).toReversed();
    const mentions = random.once(4) ? ["*"] : random.once(4) ? [mention()] : [...new Set(fitting)];
    return {
      app: this.app,
      sender,
      ...named(place),
      type: random.once(4) ? -7 : 1,
      body,
      extra,
      clientId,
      ...(random.once(4) && { mentions }),
      ...(random.once(3) && { replyTo: this.replyTo(sender, place, random) }),
    };
  }

  private replyTo(sender: string, place: string, random: Random): bigint {
    const here = this.model.visible(sender, place);
    const one = here[here.length - 1 - random.below(9)];
    return random.once(8) || one === undefined ? this.anId(sender, random, false) : one.id;
  }

  private draft(owner: string, members: readonly string[]): Parameters<Store["createGroup"]>[0] {
    const id = `${this.app}g${this.groups++}`;
    const closed = this.groups % 5 === 0;
    return { app: this.app, id, name: "n", avatar: "", introduction: "", owner, members, closed };
  }

  /** A message, mostly one that the account may read; `isOwn`: mostly its own. */
  private anId(account: string, random: Random, isOwn: boolean, among = 40): bigint {
    if (random.once(12)) return this.oddId(random);
    const isFit = (message: ModelMessage): boolean =>
      isOwn && !random.once(4) ? message.sender === account : this.model.mayRead(account, message);
    const all = [...this.model.messages.values()];
    const fitting = random.once(10) ? all : all.filter(isFit);
    return fitting[fitting.length - 1 - random.below(Math.min(fitting.length, among))]?.id ?? 0n;
  }

  private oddId(random: Random): bigint {
    const entry = this.model.entries.at(-1 - random.below(5))?.id ?? 1n;
    const group = this.model.groups.get(this.model.groups.names[0] ?? "")?.version ?? 1n;
    return random.pick([0n, 1n, -1n, endId, entry, group, ...this.foreign]);
  }

  /** Ids for cursors and requests. */
  private someIds(random: Random): bigint[] {
    const ids = [...this.model.messages.keys()];
    const some = Array.from({ length: 12 }, () => ids[random.below(ids.length)] ?? 1n);
    const odd = [1n, ...this.foreign, ...this.model.entries.slice(-3).map(({ id }) => id)];
    const beyond = this.isShared ? [] : [endId - 1n];
    return [...some, ...ids.slice(-6), ...odd, ...beyond];
  }

  private needsLast(write: Write): boolean {
    return write.method === "set" || write.method === "markRead" || write.method === "acknowledge";
  }
}
