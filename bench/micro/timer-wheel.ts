// Deadlines: what each connection's costs, and what a tick costs with ten thousand of them.

import { Deadline, TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Topic } from "./case.ts";

const deadlines = 10_000;
const tickMs = 100;
/** The wheel's slots are filled evenly. */
const spreadMs = 50_000;

class Renewing extends Deadline {
  private readonly wheel: TimerWheel;

  constructor(wheel: TimerWheel) {
    super();
    this.wheel = wheel;
  }

  /** Like a connection that was heard of meanwhile. */
  expire(): void {
    this.wheel.arm(this, spreadMs);
  }
}

function ticked(wheel: TimerWheel): number {
  wheel.advance(tickMs);
  return wheel.nowMs;
}

export function timerWheelTopic(): Topic {
  const wheel = new TimerWheel(tickMs);
  const one = new Renewing(wheel);
  const empty = new TimerWheel(tickMs);
  const busy = new TimerWheel(tickMs);
  for (let index = 0; index < deadlines; index++) busy.arm(new Renewing(busy), (index / deadlines) * spreadMs);
  return {
    cases: [
      {
        name: "timer-wheel/arm and disarm",
        run: () => {
          wheel.arm(one, 10_000);
          wheel.disarm(one);
          return one.slot;
        },
      },
      {
        name: "timer-wheel/arm again",
        run: () => {
          wheel.arm(one, 10_000);
          return one.slot;
        },
      },
      { name: "timer-wheel/a tick without deadlines", run: () => ticked(empty) },
      { name: `timer-wheel/a tick of ${deadlines / (spreadMs / tickMs)} deadlines`, run: () => ticked(busy) },
    ],
  };
}
