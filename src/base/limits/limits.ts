// The limits of one process: their values, how often each has turned something away, and how much of each is used.

import type { Log, LogFields } from "../log.ts";
import { RareLog } from "../rare-log.ts";
import { type LimitName, type LimitValues, limitTable, limitValues } from "./table.ts";

/** The shortest time between two log lines of one limit, in milliseconds. */
const sayMs = 60_000;

/** One object a process; whoever enforces a limit is given it. */
export class Limits {
  readonly values: LimitValues;
  /** How often each limit has turned something away; a limit that never has is absent. */
  readonly reached = new Map<LimitName, number>();
  private readonly log: RareLog;
  private readonly meters = new Map<LimitName, () => number>();

  /** `given`: values in place of the initial ones; they have been checked. */
  constructor(log: Log, given: Partial<LimitValues> = {}, values = limitValues(given)) {
    this.values = values;
    this.log = new RareLog(log, sayMs);
  }

  /**
   * Counts that a limit has turned something away, and logs it: at most one line a minute and limit. `fields` say whom it
   * met, such as an address; never a token or a text.
   */
  met(name: LimitName, fields: LogFields = {}): void {
    this.reached.set(name, (this.reached.get(name) ?? 0) + 1);
    const { what, beyond } = limitTable[name];
    this.log.warn(`a limit was reached: ${what}`, { limit: name, value: this.values[name], beyond, ...fields });
  }

  /** Tells how much of a limit is used now: the largest use where it bounds each of many. One meter a limit. */
  measure(name: LimitName, use: () => number): void {
    this.meters.set(name, use);
  }

  /** What is used of a limit; undefined where nothing measures it. */
  use(name: LimitName): number | undefined {
    return this.meters.get(name)?.();
  }
}
