// Machines of a simulation, and the processes on them. While a simulation runs, the functions of the platform that ask
// the time, wait or draw a random number are the simulation's: so nothing in a simulated process runs on real time,
// whether its clock and timers were given to it or not.
//
// One event is one callback of one process, with all microtasks that follow from it. What it plans belongs to the same
// start of that process, and is void once that has ended.

import { drainMicrotasks } from "bun:jsc";
import type { Time } from "../../src/base/runtime.ts";
import type { Cancel } from "../../src/base/timers.ts";
import { Random } from "../support/random.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Milliseconds since 1970 at the beginning of every simulation. */
const wallMsAtStart = 1_800_000_000_000;
/** A process waits no shorter than this: polls every millisecond would cost more than all the rest. */
const waitMsMin = 20;

/** One machine. It runs one process at most. */
export class Machine {
  readonly name: string;
  readonly address: string;
  /** How far its wall clock is ahead. */
  wallAheadMs = 0;
  /** Its monotonic clock began at another moment. */
  readonly monotonicAheadMs: number;
  /** The process that runs. */
  life: Life | undefined;
  /** False: no power. It answers nothing, not even that a port is closed. */
  isPowered = true;

  constructor(name: string, address: string, monotonicAheadMs: number) {
    this.name = name;
    this.address = address;
    this.monotonicAheadMs = monotonicAheadMs;
  }
}

/** One start of a process. */
export class Life {
  readonly machine: Machine;
  isAlive = true;
  /** Run at its end, whatever it ends by: `isPowered` is false when the machine loses its power. */
  readonly ends: ((isPowered: boolean) => void)[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
  }
}

/** A timer as the platform's functions return it. */
class PlatformTimer {
  cancel: Cancel = () => undefined;

  unref(): this {
    return this;
  }

  ref(): this {
    return this;
  }
}

export class Machines {
  readonly events = new VirtualTime();
  readonly random: Random;
  readonly list: Machine[] = [];
  /** What was thrown outside of any promise. */
  readonly bugs: unknown[] = [];
  private current: Life | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  add(name: string): Machine {
    const machine = new Machine(name, `10.0.0.${this.list.length + 1}`, this.random.below(1_000_000));
    this.list.push(machine);
    return machine;
  }

  /** The process whose event runs. */
  get running(): Life {
    if (this.current === undefined) throw new Error("no process runs");
    return this.current;
  }

  /** Starts a process on a machine that runs none. */
  boot(machine: Machine, main: () => void): void {
    if (machine.life !== undefined) throw new Error(`${machine.name} runs a process already`);
    machine.isPowered = true;
    machine.life = new Life(machine);
    this.run(machine.life, main);
  }

  /** Ends the process of a machine at once. */
  kill(machine: Machine, isPowered = true): void {
    const { life } = machine;
    machine.isPowered = isPowered;
    if (life === undefined) return;
    life.isAlive = false;
    machine.life = undefined;
    for (const end of life.ends) end(isPowered);
  }

  /** Runs one event of a process; nothing happens when it has ended. */
  run(life: Life, action: () => void): void {
    if (!life.isAlive) return;
    this.current = life;
    try {
      action();
    } catch (bug) {
      this.bugs.push(bug);
    }
    drainMicrotasks();
    this.current = undefined;
  }

  /** Plans an event of a process. */
  plan(life: Life, delayMs: number, action: () => void): Cancel {
    return this.events.after(delayMs, () => this.run(life, action));
  }

  /** Clock and timers of a process, as they are given to it. */
  time(life: Life): Time {
    const { monotonicAheadMs } = life.machine;
    const wallMs = (): number => Math.floor(wallMsAtStart + this.events.nowMs) + life.machine.wallAheadMs;
    return {
      clock: {
        wallMs,
        wallNs: () => BigInt(wallMs()) * 1_000_000n,
        monotonicMs: () => this.events.nowMs + monotonicAheadMs,
      },
      timers: {
        after: (delayMs, action) => this.plan(life, Math.max(waitMsMin, delayMs), action),
        soon: (action) => void this.plan(life, 0, action),
      },
    };
  }

  /** Runs `play` with the platform's functions replaced. */
  simulate<Result>(play: () => Result): Result {
    const replaced: readonly [object, Readonly<Record<string, unknown>>][] = [
      [globalThis, this.timerFunctions()],
      [performance, { now: () => this.events.nowMs + (this.current?.machine.monotonicAheadMs ?? 0) }],
      [Date, { now: () => Math.floor(wallMsAtStart + this.events.nowMs) + (this.current?.machine.wallAheadMs ?? 0) }],
      [Bun, { sleep: (ms: number) => new Promise<void>((resolve) => this.planTimer(ms, resolve)) }],
    ];
    const restores = replaced.map(([owner, functions]) => {
      const originals = Object.fromEntries(Object.keys(functions).map((name) => [name, Reflect.get(owner, name)]));
      Object.assign(owner, functions);
      return () => Object.assign(owner, originals);
    });
    try {
      return play();
    } finally {
      for (const restore of restores) restore();
    }
  }

  private planTimer(delayMs: number, action: () => void): Cancel {
    return this.plan(this.running, Math.max(waitMsMin, delayMs), action);
  }

  private timerFunctions(): Readonly<Record<string, unknown>> {
    const clear = (timer: unknown): void => {
      if (timer instanceof PlatformTimer) timer.cancel();
    };
    return {
      setTimeout: (action: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]) => {
        const timer = new PlatformTimer();
        timer.cancel = this.planTimer(delayMs, () => action(...given));
        return timer;
      },
      setInterval: (action: () => void, delayMs: number) => {
        const timer = new PlatformTimer();
        const again = (): void => {
          timer.cancel = this.planTimer(delayMs, () => {
            again();
            action();
          });
        };
        again();
        return timer;
      },
      setImmediate: (action: (...given: unknown[]) => void, ...given: unknown[]) => {
        const timer = new PlatformTimer();
        timer.cancel = this.plan(this.running, 0, () => action(...given));
        return timer;
      },
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    };
  }
}
