// What a cluster has promised once all trouble is over: nothing acknowledged is lost, nothing is stored or received
// twice, only members read a group, sessions are where the connections are, and orders are kept.

import { isDeepStrictEqual } from "node:util";
import type { Database, StoredMessage } from "./database.ts";
import type { Phone } from "./phone.ts";
import type { Saying, Step } from "./phone-connection.ts";
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
  };

  constructor(parts: Invariants["parts"]) {
    this.parts = parts;
  }

  private get sayingsOfAll(): readonly Saying[] {
    return [...this.parts.phones, ...this.parts.leavers].flatMap(({ said }) => said);
  }

  /** What is not as it was promised. */
  differences(): readonly string[] {
    return [
      ...this.lostSayings(),
      ...this.parts.phones.flatMap((phone) => this.differencesOf(phone)),
      ...this.unknownEntries(),
      ...this.strayedSessions(),
      ...this.wrongReaders(),
      ...this.wrongOrder(),
    ];
  }

  /** Every client with the feature knows every confirmed entry of what its account is in now. */
  private unknownEntries(): string[] {
    const { phones, leavers, database } = this.parts;
    const confirmed = new Set([...phones, ...leavers].flatMap((phone) => [...phone.confirmed]));
    const entries = database.reactions.entries.filter(({ entryId }) => confirmed.has(entryId));
    const wrong =
      entries.length === confirmed.size ? [] : [`of ${confirmed.size} confirmed entries ${entries.length} are stored`];
    for (const phone of phones.filter(({ hasFeature }) => hasFeature)) {
      for (const entry of entries) {
        if (!database.concerns(entry, phone.account, true) || phone.entries.has(entry.entryId)) continue;
        const isPast = database.hasLeft({ toGroup: entry.group !== "", dest: entry.group }, phone.account);
        if (!isPast) wrong.push(`${phone.label} does not know of the entry ${entry.entryId}`);
      }
    }
    return wrong;
  }

  private lostSayings(): string[] {
    const wrong: string[] = [];
    const stored = new Map(this.parts.database.messages.map((message) => [message.messageId, message]));
    const byName = Map.groupBy(this.parts.database.messages, ({ body }) => body);
    for (const { name, messageId } of this.sayingsOfAll) {
      if (messageId !== undefined && messageId !== 0n && stored.get(messageId)?.body !== name)
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
    for (const message of this.parts.database.messages) {
      const { messageId, body } = message;
      if (unanswered.has(body)) continue;
      const isMine = message.sender === phone.account || this.parts.database.isReceiver(message, phone.account);
      if (isMine && !phone.seen.has(messageId) && !this.parts.database.hasLeft(message, phone.account))
        wrong.push(`${phone.label} has not got ${body} (${messageId})`);
    }
    const names = new Map<string, bigint>();
    const known = new Map(this.parts.database.messages.map((message) => [message.messageId, message]));
    for (const [messageId, name] of phone.seen) {
      if (names.has(name)) wrong.push(`${phone.label} has got ${name} twice`);
      names.set(name, messageId);
      const message = known.get(messageId);
      if (message === undefined) wrong.push(`${phone.label} has got ${name} (${messageId}), which is not stored`);
      else if (!this.isReader(message, phone.account))
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
    for (const message of this.parts.database.messages) {
      const saying = said.get(message.body);
      if (!message.toGroup || saying === undefined || saying.answeredMs < 0) continue;
      for (const account of this.parts.accounts) {
        const isMember = this.memberBetween(account, saying.sentMs, saying.answeredMs);
        if (isMember === undefined || isMember === this.isReader(message, account)) continue;
        wrong.push(`${account} is ${isMember ? "a" : "no"} member when ${message.body} is said, and its reader or not`);
      }
    }
    return wrong;
  }

  private isReader(message: StoredMessage, account: string): boolean {
    return message.sender === account || this.parts.database.isReceiver(message, account);
  }

  /** Undefined: it may have changed meanwhile. */
  private memberBetween(account: string, fromMs: number, toMs: number): boolean | undefined {
    const steps = this.parts.steps.filter(
      (step) => step.account === account && step.sentMs >= 0 && step.sentMs <= toMs,
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
