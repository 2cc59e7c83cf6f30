// A client in a simulation: real frames over the simulated network, written after proto/README.md and not with the SDK,
// so that both ends of the protocol are not one piece of code. It keeps what it has read on a disk; it repeats a talk
// and a change until it is answered; it reads the index after a sign-in, after chat.sync, and when a push names a
// message or an entry before it that it does not know; its account's state and the list after a sign-in and chat.sync;
// never otherwise.

import type { ConversationName } from "../../src/store/conversations.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { EntryKind } from "../../src/wire/gen/pkt_pb.ts";
import type { Confirmed } from "./confirmed.ts";
import type { Machine, Machines } from "./machines.ts";
import { PhoneConnection } from "./phone-connection.ts";
import { type Known, nameOf, PhoneDisk } from "./phone-disk.ts";
import type { ConnectionOwner, Pushed, Saying, Step, Wish } from "./phone-owner.ts";
import type { Secrets } from "./secrets.ts";

const pingMs = 20_000;
const talksAtOnce = 3;
const wishesAtOnce = 2;

interface PhoneParts {
  readonly account: string;
  readonly device: string;
  readonly machine: Machine;
  readonly machines: Machines;
  readonly gateways: readonly string[];
  readonly fault: (what: string) => void;
  readonly tell: (what: string) => void;
  readonly confirmed: Confirmed;
  /** The cursor that it begins with: 0n asks for what the device has not acknowledged. */
  readonly cursor: bigint;
  readonly heedsHints: boolean;
  readonly losesEvent: () => boolean;
  readonly losesPresence: () => boolean;
  readonly watched: readonly string[];
  readonly secrets: Secrets;
}

export class Phone implements ConnectionOwner {
  readonly account: string;
  readonly device: string;
  readonly machine: Machine;
  readonly confirmed: Confirmed;
  readonly heedsHints: boolean;
  readonly losesEvent: () => boolean;
  readonly losesPresence: () => boolean;
  readonly watched: readonly string[];
  readonly secrets: Secrets;
  private readonly parts: PhoneParts;

  readonly disk: PhoneDisk;
  readonly pushes: Pushed[] = [];
  readonly outbox: Saying[] = [];
  readonly steps: Step[] = [];
  readonly wishes: Wish[] = [];
  readonly said: Saying[] = [];

  /** It wants to be connected. */
  isWanted = true;
  /** When it comes back after it was kicked. */
  private backMs = 0;
  channelId = "";
  /** When it signed in last. */
  signedInMs = 0;
  private connection: PhoneConnection | undefined;

  constructor(parts: PhoneParts) {
    this.parts = parts;
    this.account = parts.account;
    this.device = parts.device;
    this.machine = parts.machine;
    this.confirmed = parts.confirmed;
    this.heedsHints = parts.heedsHints;
    this.losesEvent = parts.losesEvent;
    this.losesPresence = parts.losesPresence;
    this.watched = parts.watched;
    this.secrets = parts.secrets;
    this.disk = new PhoneDisk(parts.cursor);
  }

  /** The main program. */
  start(): void {
    const { machines } = this.parts;
    this.connectAt(this.backMs);
    setInterval(() => this.connection?.ping(), pingMs);
    machines.running.ends.push(() => {
      this.connection = undefined;
      this.channelId = "";
    });
  }

  get isSignedIn(): boolean {
    return this.connection?.isSignedIn === true;
  }

  /** Nothing that it wants is unanswered. */
  get isDone(): boolean {
    const isWaiting = this.outbox.length + this.steps.length + this.wishes.length + this.disk.stale.size > 0;
    return !isWaiting && this.connection?.isReading !== true;
  }

  /** It has the feature `conversations`. */
  get hasFeature(): boolean {
    return this.device !== "";
  }

  say(saying: Saying): void {
    this.outbox.push(saying);
    this.said.push(saying);
    this.flush();
  }

  wish(wish: Wish): void {
    this.wishes.push(wish);
    this.flush();
  }

  step(step: Step): void {
    this.steps.push(step);
    this.flush();
  }

  /** Does something with its connection, if it is signed in and has the feature. */
  withViews(action: (views: PhoneConnection["views"]) => void): void {
    if (this.connection?.isSignedIn === true && this.hasFeature) action(this.connection.views);
  }

  /** It has been told all that it has asked to watch. */
  get isWatching(): boolean {
    return this.isSignedIn && this.connection?.presence.isDone === true;
  }

  /** When its connection sent the watch that was answered last; -1 if none was. */
  get watchedMs(): number {
    return this.connection?.presence.watchedMs ?? -1;
  }

  /** On how many devices its connection takes an account to be; undefined if it was not told. */
  devicesOf(account: string): number | undefined {
    return this.connection?.presence.devices.get(account);
  }

  /** Sends a signal, if it is signed in and has the feature. */
  signal(name: ConversationName, kind: string): void {
    if (this.connection?.isSignedIn === true && this.hasFeature) this.connection.signal(name, kind);
  }

  /** Ends its connection: with a close frame, or without a word. */
  hangUp(isPolite: boolean): void {
    this.connection?.end(isPolite);
  }

  flush(): void {
    const { connection } = this;
    if (connection?.isSignedIn !== true) return;
    for (const saying of this.outbox.slice(0, talksAtOnce)) connection.talk(saying);
    for (const wish of this.wishes.slice(0, wishesAtOnce)) connection.wish(wish);
    const [step] = this.steps;
    if (step !== undefined) connection.step(step);
  }

  ended(code: number): void {
    this.connection = undefined;
    this.channelId = "";
    const { random } = this.parts.machines;
    const isKicked = code === CloseCode.Kicked;
    this.backMs = this.nowMs + (isKicked ? 6_000 + random.below(12_000) : 400 + random.below(1_800));
    this.connectAt(this.backMs);
    this.parts.tell(`${this.label} ends with ${code}`);
  }

  /** Of the simulation. */
  get nowMs(): number {
    return this.parts.machines.events.nowMs;
  }

  get label(): string {
    return `${this.account}/${this.device}@${this.machine.name}`;
  }

  signedIn(channelId: string): void {
    this.channelId = channelId;
    this.signedInMs = this.nowMs;
    this.parts.tell(`${this.label} is ${channelId}`);
    this.flush();
  }

  got(message: Known): void {
    const { messageId, text } = message;
    const before = this.disk.known.get(messageId);
    if (before === undefined) this.disk.known.set(messageId, message);
    else if (before.text !== "" && text !== "" && nameOf(before.text) !== nameOf(text))
      this.broken(`it got ${messageId} as ${before.text} and as ${text}`);
  }

  learn(entryId: bigint, kind: EntryKind, refersTo: bigint): void {
    this.disk.entries.add(entryId);
    if (kind === EntryKind.EntryEdited || kind === EntryKind.EntryRecalled) this.disk.outdate(refersTo);
  }

  broken(what: string): void {
    this.parts.fault(`${this.label}: ${what}`);
  }

  private connectAt(atMs: number): void {
    setTimeout(() => this.isWanted && this.connect(), Math.max(0, atMs - this.nowMs));
  }

  private connect(): void {
    const { gateways, machines } = this.parts;
    const address = gateways[machines.random.below(gateways.length)] ?? "";
    const connection: PhoneConnection = new PhoneConnection(this);
    this.connection = connection;
    connection.open(address);
  }
}
