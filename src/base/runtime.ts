// What a program asks the machine for: the time, a wait, a random number. Code above this layer takes these as
// arguments, so that a test or a simulation can pass its own.

import { type Clock, systemClock } from "./clock.ts";
import { type Random, systemRandom } from "./random.ts";
import { backgroundTimers, systemTimers, type Timers } from "./timers.ts";

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** For what waits and measures how long. */
export type Time = Pick<Runtime, "clock" | "timers">;

/** The machine's. */
export const systemRuntime: Runtime = { clock: systemClock, timers: systemTimers, random: systemRandom };

/** The machine's, for what does not keep a process alive. */
export const backgroundTime: Time = { clock: systemClock, timers: backgroundTimers };
