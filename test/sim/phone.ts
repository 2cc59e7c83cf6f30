// A client in a simulation: real frames over the simulated network, written after proto/README.md and not with the SDK,
// so that both ends of the protocol are not one piece of code. It keeps what it has read on a disk; it repeats a talk
// under its clientId until it is answered; it reads the index after a sign-in, after chat.sync, and when a push names a
// message before it that it does not know; never otherwise.

import { CloseCode } from "../../src/wire/close-reason.ts";
import type { Machine, Machines } from "./machines.ts";
import { PhoneConnection, type Pushed, type Saying, type Step } from "./phone-connection.ts";

const pingMs = 20_000;
const talksAtOnce = 3;

export class Phone {
  readonly account: string;
  readonly device: string;
  readonly machine: Machine;
  private readonly machines: Machines;
  private readonly gateways: readonly string[];
  private readonly fault: (what: string) => void;
  private readonly tell: (what: string) => void;
  readonly heedsHints: boolean;

  // The disk.
  /** Names of messages by id: all that it has seen, its own ones included. */
  readonly seen = new Map<bigint, string>();
  readonly own = new Set<bigint>();
  /** Entries that are not messages: all that it knows of, and those of its own that were confirmed. */
  readonly entries = new Set<bigint>();
  readonly confirmed = new Set<bigint>();
  readonly pushes: Pushed[] = [];
  private cursor: bigint;
  readonly outbox: Saying[] = [];
  readonly steps: Step[] = [];
  readonly said: Saying[] = [];

  /** It wants to be connected. */
  isWanted = true;
  /** When it comes back after it was kicked. */
  backMs = 0;
  channelId = "";
  /** When it signed in last. */
  signedInMs = 0;
  private connection: PhoneConnection | undefined;

  constructor(parts: {
    readonly account: string;
    readonly device: string;
    readonly machine: Machine;
    readonly machines: Machines;
    readonly gateways: readonly string[];
    readonly fault: (what: string) => void;
    readonly tell: (what: string) => void;
    /** The cursor that it begins with: 0n asks for what the device has not acknowledged. */
    readonly cursor: bigint;
    readonly heedsHints: boolean;
  }) {
    this.account = parts.account;
    this.device = parts.device;
    this.machine = parts.machine;
    this.machines = parts.machines;
    this.gateways = parts.gateways;
    this.fault = parts.fault;
    this.tell = parts.tell;
    this.cursor = parts.cursor;
    this.heedsHints = parts.heedsHints;
  }

  /** The main program. */
  start(): void {
    const look = (): void => {
      if (this.isWanted && this.connection === undefined && this.machines.events.nowMs >= this.backMs) this.connect();
      setTimeout(look, 200 + this.machines.random.below(400));
    };
    look();
    setInterval(() => this.connection?.ping(), pingMs);
    this.machines.running.ends.push(() => {
      this.connection = undefined;
      this.channelId = "";
    });
  }

  get isSignedIn(): boolean {
    return this.connection?.isSignedIn === true;
  }

  /** Nothing that it wants is unanswered. */
  get isDone(): boolean {
    return this.outbox.length === 0 && this.steps.length === 0 && this.connection?.isReading !== true;
  }

  say(saying: Saying): void {
    this.outbox.push(saying);
    this.said.push(saying);
    this.flush();
  }

  /** It has the feature `conversations`. */
  get hasFeature(): boolean {
    return this.device !== "";
  }

  /** Reacts to a message that it has seen; once, whatever comes of it. */
  react(messageId: bigint): void {
    if (this.isSignedIn) this.connection?.react(messageId);
  }

  step(step: Step): void {
    this.steps.push(step);
    this.flush();
  }

  /** Ends its connection: with a close frame, or without a word. */
  hangUp(isPolite: boolean): void {
    this.connection?.end(isPolite);
  }

  flush(): void {
    const { connection } = this;
    if (connection?.isSignedIn !== true) return;
    for (const saying of this.outbox.slice(0, talksAtOnce)) connection.talk(saying);
    const [step] = this.steps;
    if (step !== undefined) connection.step(step);
  }

  ended(connection: PhoneConnection, code: number): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.channelId = "";
    const { random, events } = this.machines;
    const isKicked = code === CloseCode.Kicked;
    this.backMs = events.nowMs + (isKicked ? 6_000 + random.below(12_000) : 300 + random.below(1_500));
    this.tell(`${this.label} ends with ${code}`);
  }

  /** Of the simulation. */
  get nowMs(): number {
    return this.machines.events.nowMs;
  }

  get label(): string {
    return `${this.account}/${this.device}@${this.machine.name}`;
  }

  signedIn(channelId: string): void {
    this.channelId = channelId;
    this.signedInMs = this.nowMs;
    this.tell(`${this.label} is ${channelId}`);
    this.flush();
  }

  get lastRead(): bigint {
    return this.cursor;
  }

  /** All up to this id was in the index. */
  read(id: bigint): void {
    this.cursor = id;
  }

  got(messageId: bigint, name: string): void {
    const before = this.seen.get(messageId);
    if (before !== undefined && before !== name)
      this.fault(`${this.label} got ${messageId} as ${before} and as ${name}`);
    this.seen.set(messageId, name);
  }

  broken(what: string): void {
    this.fault(`${this.label}: ${what}`);
  }

  private connect(): void {
    const address = this.gateways[this.machines.random.below(this.gateways.length)] ?? "";
    const connection = new PhoneConnection(this);
    this.connection = connection;
    connection.open(address);
  }
}
