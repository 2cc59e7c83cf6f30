// A whole cluster in one process and in virtual time: gateways, login and chat nodes, a registry of two nodes, a
// message store and a session store, each on a machine of its own, and clients on theirs. Delays, losses, partitions,
// crashes, drains, restarts and steps of clocks trouble it; then everything heals, and what the system promises must
// hold. One seed, one run.

import type { Log } from "../../src/base/log.ts";
import { ClusterProcesses, clientAddress, type Drain } from "./cluster-processes.ts";
import { databaseOf, type Sabotage, sessionStoreOf } from "./cluster-sabotage.ts";
import { Invariants } from "./cluster-invariants.ts";
import type { Database } from "./database.ts";
import { type Machine, Machines } from "./machines.ts";
import { Network } from "./network.ts";
import { Phone } from "./phone.ts";
import { accounts, group, PhoneActs } from "./phone-acts.ts";
import type { Step } from "./phone-connection.ts";
import type { SessionStore } from "./session-store.ts";
import { type Registry, startRegistryNode } from "./simulated-naming.ts";

const quietMs = 6_000;
const troubleMs = 30_000;
const settleStepMs = 5_000;
const settleMsMax = 150_000;
const clockStepMsMax = 100_000;
/** Two phones of one device go on kicking each other for so long after the trouble. */
const twinStaysMs = 20_000;
/** Who is kicked has heard of it by then. */
const kickedMsMax = 3_000;

interface Program {
  readonly machine: Machine;
  readonly main: () => Drain | void;
  drain: Drain | undefined;
}

export class ClusterWorld {
  readonly machines: Machines;
  /** What happened, for a person who looks for the reason. */
  readonly story: string[] = [];
  private readonly seed: number;
  private readonly sabotage: Sabotage | undefined;
  private readonly network: Network;
  private readonly database: Database;
  private readonly sessionStore: SessionStore;
  private readonly programs: Program[] = [];
  private readonly phones: Phone[] = [];
  /** Those that are away at the end: one that shares its device with another phone, and some that leave before. */
  private readonly leavers: Phone[] = [];
  private readonly steps: Step[] = [];
  private readonly faults: string[] = [];
  private readonly verbose: boolean;
  private readonly invariants: Invariants;
  private isTroubled = true;
  private readonly acts: PhoneActs;

  constructor(seed: number, sabotage?: Sabotage, verbose = false) {
    this.seed = seed;
    this.sabotage = sabotage;
    this.verbose = verbose;
    this.machines = new Machines(seed);
    this.network = new Network(this.machines);
    this.database = databaseOf(sabotage);
    this.sessionStore = sessionStoreOf(sabotage);
    const { phones, leavers, steps, database, sessionStore } = this;
    this.acts = new PhoneActs(this.machines, steps, (what) => this.tell(what));
    this.invariants = new Invariants({ phones, leavers, steps, database, sessionStore, accounts });
  }

  /** Returns what went wrong; nothing, if all is well. */
  run(): readonly string[] {
    return this.machines.simulate(() => this.network.simulate(() => this.play()));
  }

  private play(): readonly string[] {
    const { events } = this.machines;
    this.build();
    events.advance(quietMs);
    this.planTrouble();
    events.advance(troubleMs);
    this.heal();
    let differences: readonly string[] = [];
    for (let waitedMs = 0; waitedMs < settleMsMax; waitedMs += settleStepMs) {
      events.advance(settleStepMs);
      differences = this.invariants.differences();
      if (differences.length === 0) break;
    }
    const bugs = this.machines.bugs.map((bug) => (bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)));
    this.tell("the end");
    return [...this.faults, ...bugs, ...differences].map((what) => `seed ${this.seed}: ${what}`);
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

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  private build(): void {
    const { machines, network, database, sessionStore } = this;
    const add = (name: string, main: () => Drain | void): Program => {
      const program: Program = { machine: machines.add(name), main, drain: undefined };
      program.machine.wallAheadMs = this.below(2_000);
      this.programs.push(program);
      return program;
    };
    const registry: Registry = new Map();
    for (const name of ["registry1", "registry2"]) {
      const { machine } = add(name, () => startRegistryNode(machines, network, registry, machine));
      registry.set(machine, undefined);
    }
    const { machine: databaseMachine } = add("database", () => database.start());
    const { machine: sessionMachine } = add("sessions", () => sessionStore.restart());
    const processes = new ClusterProcesses({
      machines,
      network,
      registry,
      database,
      databaseMachine,
      sessionStore,
      sessionMachine,
      log: (machine) => this.logOf(machine),
      exits: (machine) => this.exited(machine),
    });
    add("login1", () => processes.login());
    if (this.once(2)) add("login2", () => processes.login());
    add("chat1", () => processes.chat());
    add("chat2", () => processes.chat());
    const gateways = [add("gateway1", () => processes.gateway()), add("gateway2", () => processes.gateway())];
    for (const program of this.programs) machines.events.after(this.below(800), () => this.boot(program));
    this.addPhones(gateways.map(({ machine }) => clientAddress(machine)));
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
      this.steps.push({ group, account, isJoin: true, sentMs: 0, answeredMs: quietMs / 2 + 100 });
  }

  private addPhones(gateways: readonly string[]): void {
    const { machines } = this;
    const add = (account: string, device: string, hasTwin: boolean): Phone => {
      const phone = new Phone({
        account,
        device,
        machines,
        gateways,
        machine: machines.add(`phone${machines.list.length}`),
        fault: (what) => void this.faults.push(what),
        tell: (what) => this.tell(what),
        // With the feature, 0n would begin at the end.
        cursor: hasTwin || device !== "" ? 1n : 0n,
        heedsHints: this.sabotage !== "hints are not heeded",
      });
      machines.events.after(2_000 + this.below(4_000), () => machines.boot(phone.machine, () => phone.start()));
      machines.events.after(quietMs + this.below(2_000), () => this.live(phone));
      return phone;
    };
    for (const account of accounts) this.phones.push(add(account, "", account === "ann"));
    this.phones.push(add("bob", "tablet", false));
    const [ann] = this.phones;
    const twin = add("ann", "", true);
    this.leavers.push(twin, add("cid", "watch", false), add("dan", "watch", false));
    for (const leaver of this.leavers) {
      const afterMs = leaver === twin ? troubleMs + twinStaysMs : troubleMs / 2 + this.below(troubleMs / 2);
      machines.events.after(quietMs + afterMs, () => {
        const sinceMs = Math.max(twin.signedInMs, ann?.signedInMs ?? 0);
        if (
          leaver === twin &&
          ann?.isSignedIn === true &&
          twin.isSignedIn &&
          machines.events.nowMs - sinceMs > kickedMsMax
        )
          this.faults.push(`${ann.label} and ${twin.label} are both signed in, as one device`);
        this.leave(leaver);
      });
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

  private boot(program: Program): void {
    if (program.machine.life !== undefined) return;
    this.tell(`${program.machine.name} starts`);
    this.machines.boot(program.machine, () => {
      program.drain = program.main() ?? undefined;
    });
  }

  private exited(machine: Machine): void {
    const { life } = machine;
    this.machines.events.after(0, () => {
      if (machine.life !== life) return;
      this.tell(`${machine.name} exits`);
      this.machines.kill(machine);
      this.restart(machine, 500);
    });
  }

  private restart(machine: Machine, delayMs: number): void {
    const program = this.programs.find((each) => each.machine === machine);
    if (program !== undefined) this.machines.events.after(delayMs, () => this.boot(program));
  }

  private planTrouble(): void {
    this.machines.events.after(500 + this.below(5_000), () => {
      if (!this.isTroubled) return;
      const what = this.below(8);
      if (what < 2) this.split();
      else if (what < 6) this.crash(this.pick(this.programs));
      else if (what === 6) this.drain(this.pick(this.programs));
      else this.stepClock(this.pick(this.programs));
      this.planTrouble();
    });
  }

  private split(): void {
    const { list } = this.machines;
    const side = new Set(this.once(2) ? [this.pick(list)] : list.filter(() => this.once(3)));
    this.tell(`split: ${[...side].map(({ name }) => name).join(" ")} from the rest`);
    for (const one of side) for (const other of list) if (!side.has(other)) this.network.part(one, other);
    this.machines.events.after(1_000 + this.below(this.once(3) ? 25_000 : 5_000), () => {
      this.tell("the network is whole again");
      this.network.heal();
    });
  }

  private crash({ machine }: Program): void {
    if (machine.life === undefined) return;
    const isPowered = !this.once(4);
    this.tell(`${machine.name} ${isPowered ? "is killed" : "loses its power"}`);
    this.machines.kill(machine, isPowered);
    this.restart(machine, 300 + this.below(this.once(4) ? 20_000 : 3_000));
  }

  private drain({ machine, drain }: Program): void {
    const { life } = machine;
    if (life === undefined || drain === undefined) return;
    this.tell(`${machine.name} leaves`);
    this.machines.run(life, () => {
      const ended = (): void => this.exited(machine);
      drain().then(ended, ended);
    });
  }

  private stepClock({ machine }: Program): void {
    const byMs = this.below(2 * clockStepMsMax) - clockStepMsMax;
    this.tell(`the clock of ${machine.name} steps by ${byMs} ms`);
    machine.wallAheadMs += byMs;
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
    network.isTroubled = false;
    network.heal();
    for (const program of this.programs) this.boot(program);
    for (const { machine, start } of this.phones.map((phone) => ({
      machine: phone.machine,
      start: () => phone.start(),
    })))
      if (machine.life === undefined) machines.boot(machine, start);
  }
}
