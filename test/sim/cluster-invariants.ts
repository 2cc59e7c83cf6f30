// What a cluster has promised once all trouble is over: nothing acknowledged is lost, nothing is stored or received
// twice, only members read a group, sessions are where the connections are, and orders are kept.

import { isDeepStrictEqual } from "node:util";
import type { Confirmed } from "./confirmed.ts";
import { ConversationInvariants } from "./conversation-invariants.ts";
import type { Database } from "./database.ts";
import { nameOf } from "./phone-disk.ts";
import type { Phone } from "./phone.ts";
import type { Saying, Step } from "./phone-owner.ts";
import type { SessionStore } from "./session-store.ts";

/** Compares what clients have seen with what is stored. */
export class Invariants {
  private readonly parts: {
    /** The clients that are there at the end, and those that have left. */
    readonly phones: readonly Phone[];
    readonly leavers: readonly Phone[];
    /** All changes of the group's membership, in order. */
    readonly steps: readonly Step[];
    readonly database: Database;
    readonly sessionStore: SessionStore;
    readonly accounts: readonly string[];
    readonly confirmed: Confirmed;
  };
  private readonly conversations: ConversationInvariants;

  constructor(parts: Invariants["parts"]) {
    this.parts = parts;
    this.conversations = new ConversationInvariants(parts);
  }

  private get sayingsOfAll(): readonly Saying[] {
    return [...this.parts.phones, ...this.parts.leavers].flatMap(({ said }) => said);
  }

  /** Nobody waits for anything: then it is worth while to compare everything. */
  get isQuiet(): boolean {
    return this.parts.phones.every((phone) => phone.isSignedIn && phone.isDone) && this.strayedSessions().length === 0;
  }

  /** What is not as it was promised. */
  differences(): readonly string[] {
    return [
      ...this.lostSayings(),
      ...this.parts.phones.flatMap((phone) => this.differencesOf(phone)),
      ...this.conversations.differences(),
      ...this.strayedSessions(),
      ...this.wrongReaders(),
      ...this.wrongOrder(),
    ];
  }

  private lostSayings(): string[] {
    const wrong: string[] = [];
    const { messages } = this.parts.database;
    const byName = Map.groupBy(messages.all, ({ said }) => said);
    for (const { name, messageId } of this.sayingsOfAll) {
      if (messageId !== undefined && messageId !== 0n && messages.get(messageId)?.said !== name)
        wrong.push(`${name} was acknowledged as ${messageId}, and is not stored`);
      const count = byName.get(name)?.length ?? 0;
      if (count > 1) wrong.push(`${name} is stored ${count} times`);
    }
    return wrong;
  }

  private differencesOf(phone: Phone): string[] {
    const wrong: string[] = [];
    if (!phone.isSignedIn) return [`${phone.label} is not signed in`];
    if (!phone.isDone) wrong.push(`${phone.label} waits for answers`);
    // What was never answered may be stored and pushed to nobody, if its sender does not repeat it.
    const unanswered = new Set(this.parts.leavers.flatMap(({ outbox }) => outbox.map(({ name }) => name)));
    const { messages, groups } = this.parts.database;
    const { known } = phone.disk;
    for (const message of messages.all) {
      const { messageId, said, toGroup, dest } = message;
      if (unanswered.has(said)) continue;
      const hasLeft = toGroup && !groups.isMember(dest, phone.account);
      if (messages.mayRead(message, phone.account) && !known.has(messageId) && !hasLeft)
        wrong.push(`${phone.label} has not got ${said} (${messageId})`);
    }
    const names = new Set<string>();
    for (const [messageId, { text }] of known) {
      const name = nameOf(text);
      if (name !== "" && names.has(name)) wrong.push(`${phone.label} has got ${name} twice`);
      names.add(name);
      const message = messages.get(messageId);
      if (message === undefined) wrong.push(`${phone.label} has got ${name} (${messageId}), which is not stored`);
      else if (!messages.mayRead(message, phone.account))
        wrong.push(`${phone.label} has got ${name}, which is not for it`);
    }
    return wrong;
  }

  /** Sessions are where the connections are, and nowhere else. */
  private strayedSessions(): string[] {
    const live = this.parts.phones.filter(({ isSignedIn }) => isSignedIn);
    const connected = live.map(({ account, device, channelId }) => `${account} ${device} ${channelId}`);
    const located = [...this.parts.sessionStore.all].flatMap(([account, locations]) =>
      locations.map(({ device, channelId }) => `${account} ${device} ${channelId}`),
    );
    if (isDeepStrictEqual(connected.toSorted(), located.toSorted())) return [];
    const onlyLocated = located.filter((session) => !connected.includes(session));
    const onlyConnected = connected.filter((session) => !located.includes(session));
    return [`sessions without a connection: ${onlyLocated.join(", ")}; without a session: ${onlyConnected.join(", ")}`];
  }

  /** Whom a message of the group reaches, as far as clients can know it by what was answered when. */
  private wrongReaders(): string[] {
    const wrong: string[] = [];
    const said = new Map(this.sayingsOfAll.map((saying) => [saying.name, saying]));
    const { messages } = this.parts.database;
    for (const message of messages.all) {
      const saying = said.get(message.said);
      if (!message.toGroup || saying === undefined || saying.answeredMs < 0) continue;
      for (const account of this.parts.accounts) {
        const isMember = this.memberBetween(account, saying.sentMs, saying.answeredMs);
        if (isMember === undefined || isMember === messages.mayRead(message, account)) continue;
        wrong.push(`${account} is ${isMember ? "a" : "no"} member when ${message.said} is said, and its reader or not`);
      }
    }
    return wrong;
  }

  /** Undefined: it may have changed meanwhile. */
  private memberBetween(account: string, fromMs: number, toMs: number): boolean | undefined {
    const steps = this.parts.steps.filter(
      (step) => step.account === account && !step.isVoid && step.sentMs >= 0 && step.sentMs <= toMs,
    );
    const last = steps.at(-1);
    if (last === undefined) return false;
    return last.answeredMs < 0 || last.answeredMs >= fromMs ? undefined : last.isJoin;
  }

  /**
   * What one node wrote was pushed in its order on each connection, and what one device said is stored in its order.
   */
  private wrongOrder(): string[] {
    const wrong: string[] = [];
    const attempts = new Map(this.sayingsOfAll.map(({ name, attempts: count }) => [name, count]));
    const isFirst = (name: string): boolean => attempts.get(name) === 1;
    const ofNode = (id: bigint): bigint => (id >> 12n) & 1023n;
    for (const phone of this.parts.phones) {
      const pushes = Map.groupBy(
        phone.pushes.filter(({ name }) => isFirst(name)),
        ({ channelId, conversation, messageId }) => `${channelId} ${conversation} ${ofNode(messageId)}`,
      );
      for (const list of pushes.values())
        for (const [at, { messageId, name }] of list.entries())
          if (at > 0 && messageId <= (list[at - 1]?.messageId ?? 0n))
            wrong.push(`${phone.label} got ${name} behind what came after it`);
      const spoken = Map.groupBy(
        phone.said.filter(({ name, messageId }) => isFirst(name) && (messageId ?? 0n) > 0n),
        ({ dest, channelId, messageId }) => `${dest} ${channelId} ${ofNode(messageId ?? 0n)}`,
      );
      for (const list of spoken.values())
        for (const [at, { messageId, name }] of list.entries())
          if (at > 0 && (messageId ?? 0n) <= (list[at - 1]?.messageId ?? 0n))
            wrong.push(`${name} is stored before what ${phone.label} said before it`);
    }
    return wrong;
  }
}
