// A whole cluster in one process and in virtual time: gateways, login and chat nodes, a registry of two nodes, a
// message store and a session store, each on a machine of its own, and clients on theirs. Delays, losses, partitions,
// crashes, drains, restarts and steps of clocks trouble it; then everything heals, and what the system promises must
// hold. One seed, one run.

import type { Log } from "../../src/base/log.ts";
import { ClusterPrograms } from "./cluster-programs.ts";
import { ClusterProcesses, clientAddress } from "./cluster-processes.ts";
import { databaseOf, type Sabotage, sessionStoreOf, storeOf } from "./cluster-sabotage.ts";
import { Invariants } from "./cluster-invariants.ts";
import { Confirmed } from "./confirmed.ts";
import type { Database } from "./database.ts";
import { type Machine, Machines } from "./machines.ts";
import { Network } from "./network.ts";
import { Phone } from "./phone.ts";
import { PhoneActs } from "./phone-acts.ts";
import type { Step } from "./phone-owner.ts";
import { PresenceInvariants } from "./presence-invariants.ts";
import { Secrets } from "./secrets.ts";
import { accounts, group, watched } from "./sim-people.ts";
import type { SessionStore } from "./session-store.ts";
import { type Registry, startRegistryNode } from "./simulated-naming.ts";

const quietMs = 6_000;
const troubleMs = 30_000;
const settleStepMs = 5_000;
/** After the trouble, all processes work again by then. */
const healedMsMax = 15_000;
const stepMs = 1_000;
/** Then clients come and go, and processes are lost, for so long, while others watch. */
const comingsMs = 31_000;
const settleMsMax = 150_000;
/** A commit of the database; now and then the disk stalls, for longer than anybody waits for an answer. */
const commitMs = 12;
const stallMsMax = 5_000;
/** Two phones of one device go on kicking each other for so long after the trouble. */
const twinStaysMs = 20_000;
/** Who is kicked has heard of it by then. */
const kickedMsMax = 3_000;

export class ClusterWorld {
  readonly machines: Machines;
  /** What happened, for a person who looks for the reason. */
  readonly story: string[] = [];
  private readonly seed: number;
  private readonly sabotage: Sabotage | undefined;
  private readonly network: Network;
  private readonly database: Database;
  private readonly sessionStore: SessionStore;
  private readonly programs: ClusterPrograms;
  private readonly phones: Phone[] = [];
  /** Those that are away at the end: one that shares its device with another phone, and some that leave before. */
  private readonly leavers: Phone[] = [];
  private readonly steps: Step[] = [];
  private readonly faults: string[] = [];
  private readonly verbose: boolean;
  private readonly invariants: Invariants;
  private readonly confirmed: Confirmed;
  private readonly secrets: Secrets;
  private readonly presence: PresenceInvariants;
  private isTroubled = true;
  private healedMs = Infinity;
  /** In some worlds it goes on afterwards; in the others nothing makes clients look again but what they are told. */
  private readonly isRestless: boolean;
  private readonly acts: PhoneActs;

  constructor(seed: number, sabotage?: Sabotage, verbose = false) {
    this.seed = seed;
    this.sabotage = sabotage;
    this.verbose = verbose;
    this.machines = new Machines(seed);
    this.network = new Network(this.machines);
    this.isRestless = this.once(3);
    this.programs = new ClusterPrograms(this.machines, this.network, (what) => this.tell(what));
    this.database = databaseOf(sabotage, () => (this.isTroubled && this.once(40) ? this.below(stallMsMax) : commitMs));
    this.sessionStore = sessionStoreOf(sabotage);
    const { phones, leavers, steps, database, sessionStore } = this;
    const fault = (what: string): void => void this.faults.push(what);
    this.confirmed = new Confirmed(database, fault);
    this.secrets = new Secrets(database, accounts, fault);
    this.presence = new PresenceInvariants({ phones, database, sessionStore });
    const { confirmed } = this;
    this.acts = new PhoneActs(this.machines, steps, (what) => this.tell(what));
    this.invariants = new Invariants({ phones, leavers, steps, database, sessionStore, accounts, confirmed });
  }

  /** Returns what went wrong; nothing, if all is well. */
  run(): readonly string[] {
    return this.machines.simulate(() => this.network.simulate(() => this.play()));
  }

  private play(): readonly string[] {
    this.build();
    this.pass(quietMs);
    this.programs.trouble();
    this.pass(troubleMs);
    this.heal();
    const differences = this.settle();
    const bugs = this.machines.bugs.map((bug) => (bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)));
    this.tell("the end");
    return [...this.faults, ...bugs, ...differences].map((what) => `seed ${this.seed}: ${what}`);
  }

  /** Waits until nothing differs from what was promised; returns what does in the end. */
  private settle(): readonly string[] {
    const { events } = this.machines;
    const { healedMs } = this;
    const endMs = events.nowMs + settleMsMax;
    const step = (ms: number): void => {
      for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
        this.pass(stepMs);
        if (events.nowMs >= healedMs) this.faults.push(...this.bothTwins());
      }
    };
    for (;;) {
      step(settleStepMs);
      // One of them leaves later on, and nobody could tell.
      if (this.bothTwins().length > 0 && events.nowMs < healedMs) step(healedMs + settleStepMs - events.nowMs);
      if (this.isRestless && events.nowMs < healedMs + comingsMs) step(healedMs + comingsMs - events.nowMs);
      const isOver = this.isBroken || events.nowMs >= endMs;
      if (!isOver && !this.invariants.isQuiet) continue;
      this.readLists();
      step(stepMs);
      const differences = this.invariants.differences();
      if (isOver || differences.length === 0) return differences;
    }
  }

  /** Of two clients with one device, the older one is kicked. */
  private bothTwins(): readonly string[] {
    const [[ann], [twin]] = [this.phones, this.leavers];
    if (ann?.isSignedIn !== true || twin?.isSignedIn !== true) return [];
    const sinceMs = Math.max(twin.signedInMs, ann.signedInMs);
    if (this.machines.events.nowMs - sinceMs <= kickedMsMax) return [];
    return [`${ann.label} and ${twin.label} are both signed in, as one device`];
  }

  /** Something went wrong that nothing mends. */
  private get isBroken(): boolean {
    return this.faults.length + this.machines.bugs.length > 0;
  }

  /** Time passes, while nothing has gone wrong. */
  private pass(ms: number): void {
    const { events } = this.machines;
    for (let passedMs = 0; passedMs < ms && !this.isBroken; passedMs += stepMs) {
      events.advance(stepMs);
      const wrong = this.presence.look(events.nowMs);
      if (events.nowMs >= this.healedMs) this.faults.push(...wrong);
    }
  }

  /** What clients count is compared with the list, which is read for that alone. */
  private readLists(): void {
    for (const phone of this.phones) {
      const { life } = phone.machine;
      if (life !== undefined) this.machines.run(life, () => phone.withViews((views) => views.readList(true)));
    }
  }

  private tell(what: string): void {
    this.story.push(`${(this.machines.events.nowMs / 1000).toFixed(3)} ${what}`);
  }

  private once(times: number): boolean {
    return this.machines.random.once(times);
  }

  private below(bound: number): number {
    return this.machines.random.below(bound);
  }

  private build(): void {
    const { machines, network, database, sessionStore, programs } = this;
    const registry: Registry = new Map();
    for (const name of ["registry1", "registry2"]) {
      const machine: Machine = programs.add(name, () => startRegistryNode(machines, network, registry, machine));
      registry.set(machine, undefined);
    }
    const databaseMachine = programs.add("database", () => {
      // A standby may take its place, which has all that was committed.
      if (this.isTroubled && machines.events.nowMs > quietMs && this.once(2)) database.standby++;
      database.start();
    });
    const sessionMachine = programs.add("sessions", () => sessionStore.restart());
    const processes = new ClusterProcesses({
      machines,
      network,
      registry,
      database,
      databaseMachine,
      storeOf: storeOf(this.sabotage),
      sessionStore,
      sessionMachine,
      log: (machine) => this.logOf(machine),
      exits: (machine) => programs.exited(machine),
    });
    programs.add("login1", () => processes.login());
    if (this.once(2)) programs.add("login2", () => processes.login());
    programs.add("chat1", () => processes.chat());
    programs.add("chat2", () => processes.chat());
    const gateways = ["gateway1", "gateway2"].map((name) => programs.add(name, () => processes.gateway()));
    this.addPhones(gateways.map(clientAddress));
    machines.events.after(quietMs / 2, () => this.makeGroup());
  }

  /** The database makes the group: who asked for one would not know its id if the answer was lost. */
  private makeGroup(): void {
    const { life } = this.machines.list.find(({ name }) => name === "database") ?? {};
    if (life === undefined) return;
    const members = accounts.slice(1, 4);
    const draft = {
      app: "app",
      id: group,
      name: "",
      avatar: "",
      introduction: "",
      owner: "ann",
      members,
      closed: false,
    };
    this.machines.run(life, () => void this.database.createGroup(draft, 0));
    for (const account of ["ann", ...members])
      this.steps.push({
        ...{ group, account, isJoin: true, sentMs: 0 },
        ...{ answeredMs: quietMs / 2 + 100, attempts: 1, isVoid: false },
      });
  }

  private addPhones(gateways: readonly string[]): void {
    const { machines } = this;
    const add = (account: string, device: string): Phone => {
      const phone = new Phone({
        account,
        device,
        machines,
        gateways,
        machine: machines.add(`phone${machines.list.length}`),
        fault: (what) => void this.faults.push(what),
        tell: (what) => this.tell(what),
        // With the feature, 0n would begin at the end.
        cursor: device === "" ? 0n : 1n,
        confirmed: this.confirmed,
        heedsHints: this.sabotage !== "hints are not heeded",
        losesEvent: () => this.sabotage === "entries are not pushed at times, without a hint" && this.once(2),
        losesPresence: () => this.sabotage === "presence is not pushed at times, without a hint" && this.once(2),
        watched,
        secrets: this.secrets,
      });
      machines.events.after(2_000 + this.below(4_000), () => machines.boot(phone.machine, () => phone.start()));
      machines.events.after(quietMs + this.below(2_000), () => this.live(phone));
      return phone;
    };
    for (const account of accounts) this.phones.push(add(account, ["ann", "bob"].includes(account) ? "phone" : ""));
    this.phones.push(add("bob", "tablet"));
    const twin = add("ann", "phone");
    this.leavers.push(twin, add("cid", "watch"), add("dan", "watch"));
    for (const leaver of this.leavers) {
      const afterMs = leaver === twin ? troubleMs + twinStaysMs : troubleMs / 2 + this.below(troubleMs / 2);
      machines.events.after(quietMs + afterMs, () => this.leave(leaver));
    }
  }

  private logOf(machine: Machine): Log {
    const write = (sentence: string, fields: object = {}): void => {
      if (this.verbose) this.tell(`${machine.name}: ${sentence} ${JSON.stringify(fields)}`);
    };
    return {
      debug: write,
      info: write,
      warn: write,
      error: (sentence, fields) => {
        write(sentence, fields);
        if (/by a bug/.test(sentence)) this.faults.push(`${machine.name}: ${sentence} ${JSON.stringify(fields)}`);
      },
      linesLost: () => 0,
    };
  }

  private live(phone: Phone): void {
    if (!this.isTroubled || !phone.isWanted) return;
    const { machines } = this;
    const { life } = phone.machine;
    if (life === undefined) {
      if (this.once(2)) machines.boot(phone.machine, () => phone.start());
    } else machines.run(life, () => this.acts.act(phone));
    machines.events.after(400 + this.below(3_000), () => this.live(phone));
  }

  private leave(phone: Phone): void {
    this.tell(`${phone.label} leaves for good`);
    phone.isWanted = false;
    const { life } = phone.machine;
    if (life === undefined) return;
    if (this.once(2)) this.machines.run(life, () => phone.hangUp(this.once(2)));
    this.machines.kill(phone.machine, this.once(2));
  }

  private heal(): void {
    this.tell("everything heals");
    const { machines, network } = this;
    this.isTroubled = false;
    this.healedMs = machines.events.nowMs + healedMsMax;
    network.isTroubled = false;
    network.heal();
    this.programs.heal();
    for (const { machine, start } of this.phones.map((phone) => ({
      machine: phone.machine,
      start: () => phone.start(),
    })))
      if (machine.life === undefined) machines.boot(machine, start);
    if (this.isRestless) this.planLosses();
  }

  /** Whatever comes, goes, blocks or is lost then, who watches is right again soon. */
  private planLosses(): void {
    const { machines } = this;
    for (const [at, phone] of this.phones.entries())
      machines.events.after(healedMsMax + at * 1_000 + this.below(1_000), () => this.come(phone));
    for (const phone of this.phones.filter(({ hasFeature }) => hasFeature))
      for (const afterMs of [7_000, 9_000])
        machines.events.after(healedMsMax + afterMs + this.below(1_000), () => this.block(phone));
    const lose = (afterMs: number, name: string): void =>
      void machines.events.after(healedMsMax + afterMs, () => this.programs.lose(name, 500 + this.below(3_000)));
    lose(14_000, "gateway1");
    lose(19_000, "chat1");
    lose(24_000, "database");
    machines.events.after(healedMsMax + 24_000, () => this.database.standby++);
  }

  private block(phone: Phone): void {
    const { life } = phone.machine;
    if (life !== undefined) this.machines.run(life, () => this.acts.block(phone));
  }

  /** A client goes, and is back soon: within a second, or after a while. */
  private come(phone: Phone): void {
    const { machines } = this;
    const { life } = phone.machine;
    if (life === undefined) return;
    this.tell(`${phone.label} goes for a while`);
    if (this.once(2)) {
      machines.run(life, () => phone.hangUp(true));
      return;
    }
    machines.kill(phone.machine);
    machines.events.after(this.below(6_000), () => machines.boot(phone.machine, () => phone.start()));
  }
}
