// The machines of a simulated cluster and what happens to them: their programs start, crash, leave and start again,
// the network splits, clocks step.

import type { Drain } from "./cluster-processes.ts";
import type { Machine, Machines } from "./machines.ts";
import type { Network } from "./network.ts";

const clockStepMsMax = 100_000;

interface Program {
  readonly machine: Machine;
  /** Returns how it leaves in good order. */
  readonly main: () => Drain | void;
  drain: Drain | undefined;
}

export class ClusterPrograms {
  private readonly machines: Machines;
  private readonly network: Network;
  private readonly tell: (what: string) => void;
  private readonly programs: Program[] = [];
  private isTroubled = false;

  constructor(machines: Machines, network: Network, tell: (what: string) => void) {
    this.machines = machines;
    this.network = network;
    this.tell = tell;
  }

  /** Adds a machine with a program, which starts within a second. */
  add(name: string, main: () => Drain | void): Machine {
    const { machines } = this;
    const program: Program = { machine: machines.add(name), main, drain: undefined };
    program.machine.wallAheadMs = this.below(2_000);
    this.programs.push(program);
    machines.events.after(this.below(800), () => this.boot(program));
    return program.machine;
  }

  /** Begins the trouble. */
  trouble(): void {
    this.isTroubled = true;
    this.planTrouble();
  }

  /** Ends it: everything runs. */
  heal(): void {
    this.isTroubled = false;
    for (const program of this.programs) this.boot(program);
  }

  /** A program is killed, and started again after a while. */
  lose(name: string, awayMs: number): void {
    const program = this.programs.find(({ machine }) => machine.name === name);
    if (program?.machine.life === undefined) return;
    this.tell(`${name} is lost`);
    this.machines.kill(program.machine);
    this.restart(program.machine, awayMs);
  }

  /** A process ends by itself, and is started again. */
  exited(machine: Machine): void {
    const { life } = machine;
    this.machines.events.after(0, () => {
      if (machine.life !== life) return;
      this.tell(`${machine.name} exits`);
      this.machines.kill(machine);
      this.restart(machine, 500);
    });
  }

  private boot(program: Program): void {
    if (program.machine.life !== undefined) return;
    this.tell(`${program.machine.name} starts`);
    this.machines.boot(program.machine, () => {
      program.drain = program.main() ?? undefined;
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
}
