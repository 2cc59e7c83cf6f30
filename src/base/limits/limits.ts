// The limits of one process: their values, how often each refused something, and their current use.

import { type Clock, systemClock } from "../clock.ts";
import type { Log, LogFields } from "../log.ts";
import { RareLog } from "../rare-log.ts";
import { type LimitName, type LimitValues, limitTable, limitValues, writtenNameOf } from "./table.ts";

/** The shortest time between two log lines of one limit, in milliseconds. */
const sayMs = 60_000;

/** One object per process, passed to all code that enforces limits. */
export class Limits {
  readonly values: LimitValues;
  /** How often each limit refused something; absent if never. */
  readonly reached = new Map<LimitName, number>();
  /** When each limit last refused something, in milliseconds since 1970. */
  readonly lastReachedMs = new Map<LimitName, number>();
  private readonly given: Partial<LimitValues>;
  private readonly log: Log;
  private readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
  private readonly rareLog: RareLog;
  private readonly meters = new Map<LimitName, () => number>();

  /** `given` replaces initial values, and has been validated. */
  constructor(log: Log, given: Partial<LimitValues> = {}, clock: Pick<Clock, "monotonicMs" | "wallMs"> = systemClock) {
    this.values = limitValues(given);
    this.given = given;
    this.log = log;
    this.clock = clock;
    this.rareLog = new RareLog(log, clock, sayMs);
  }

  /**
   * Counts a refusal, and logs it at most once a minute per limit. `fields` name the peer, for example its address;
   * never a token or a text. Attackers control how often this is called: a call that logs nothing allocates nothing.
   */
  met(name: LimitName, fields?: LogFields): void {
    this.reached.set(name, (this.reached.get(name) ?? 0) + 1);
    this.lastReachedMs.set(name, this.clock.wallMs());
    const unlogged = this.rareLog.due(name);
    if (unlogged === undefined) return;
    const { what, beyond } = limitTable[name];
    this.log.warn(`a limit was reached: ${what}`, {
      limit: writtenNameOf(name),
      value: this.values[name],
      beyond,
      ...fields,
      ...(unlogged === 0 ? {} : { unlogged }),
    });
  }

  /** Sets the function that measures a limit's use: the largest use if it applies to each of many. */
  measure(name: LimitName, use: () => number): void {
    this.meters.set(name, use);
  }

  /** Returns the use of a limit, or undefined if nothing measures it. */
  use(name: LimitName): number | undefined {
    return this.meters.get(name)?.();
  }

  /** Reports whether an operator has set the limit, even to its initial value. */
  isSet(name: LimitName): boolean {
    return this.given[name] !== undefined;
  }
}
