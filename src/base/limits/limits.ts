// The limits of one process: their values, how often each has turned something away, and how much of each is used.

import { type Clock, systemClock } from "../clock.ts";
import type { Log, LogFields } from "../log.ts";
import { type LimitName, type LimitValues, limitTable, limitValues, writtenNameOf } from "./table.ts";

/** The shortest time between two log lines of one limit, in milliseconds. */
const sayMs = 60_000;

interface Said {
  atMs: number;
  /** Times that the limit was reached since then. */
  unlogged: number;
}

/** One object a process; whoever enforces a limit is given it. */
export class Limits {
  readonly values: LimitValues;
  /** How often each limit has turned something away; a limit that never has is absent. */
  readonly reached = new Map<LimitName, number>();
  /** Wall-clock time at which each limit turned something away last, in milliseconds since 1970. */
  readonly lastReachedMs = new Map<LimitName, number>();
  private readonly given: Partial<LimitValues>;
  private readonly log: Log;
  private readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
  private readonly said = new Map<LimitName, Said>();
  private readonly meters = new Map<LimitName, () => number>();

  /** `given`: values in place of the initial ones; they have been checked. */
  constructor(log: Log, given: Partial<LimitValues> = {}, clock: Pick<Clock, "monotonicMs" | "wallMs"> = systemClock) {
    this.values = limitValues(given);
    this.given = given;
    this.log = log;
    this.clock = clock;
  }

  /**
   * Counts that a limit has turned something away, and logs it: at most one line a minute and limit. `fields` say whom it
   * met, such as an address; never a token or a text. An attacker decides how often this is called: a call that logs
   * nothing allocates nothing.
   */
  met(name: LimitName, fields?: LogFields): void {
    this.reached.set(name, (this.reached.get(name) ?? 0) + 1);
    this.lastReachedMs.set(name, this.clock.wallMs());
    const nowMs = this.clock.monotonicMs();
    const said = this.said.get(name);
    if (said === undefined) {
      this.said.set(name, { atMs: nowMs, unlogged: 0 });
      this.say(name, fields, 0);
    } else if (nowMs - said.atMs < sayMs) {
      said.unlogged++;
    } else {
      const { unlogged } = said;
      said.atMs = nowMs;
      said.unlogged = 0;
      this.say(name, fields, unlogged);
    }
  }

  /** Tells how much of a limit is used now: the largest use where it bounds each of many. One meter a limit. */
  measure(name: LimitName, use: () => number): void {
    this.meters.set(name, use);
  }

  /** What is used of a limit; undefined where nothing measures it. */
  use(name: LimitName): number | undefined {
    return this.meters.get(name)?.();
  }

  /** True when an operator has set it, be it to its initial value. */
  isSet(name: LimitName): boolean {
    return this.given[name] !== undefined;
  }

  private say(name: LimitName, fields: LogFields | undefined, unlogged: number): void {
    const { what, beyond } = limitTable[name];
    this.log.warn(`a limit was reached: ${what}`, {
      limit: writtenNameOf(name),
      value: this.values[name],
      beyond,
      ...fields,
      ...(unlogged === 0 ? {} : { unlogged }),
    });
  }
}
