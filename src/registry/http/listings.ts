// Who reads fetch/all: a listing holds what it copied of the table for as long as its reader takes, so there are few at a
// time. Other nodes of the registry are not counted: they start with one.

import type { Limits } from "../../base/limits/limits.ts";

export class Listings {
  private readonly limits: Limits;
  private readonly callers = new Map<string, number>();
  private size = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    limits.measure("listings", () => this.size);
    limits.measure("listingsPerAddress", () => Math.max(0, ...this.callers.values()));
  }

  /** Begins one for an address ('' has no bound of its own). Returns what ends it; undefined if a bound was reached. */
  begin(caller: string): (() => void) | undefined {
    const { values } = this.limits;
    const own = this.callers.get(caller) ?? 0;
    if (this.size >= values.listings) {
      this.limits.met("listings", { address: caller });
      return undefined;
    }
    if (caller !== "" && own >= values.listingsPerAddress) {
      this.limits.met("listingsPerAddress", { address: caller });
      return undefined;
    }
    this.size++;
    if (caller !== "") this.callers.set(caller, own + 1);
    return () => this.end(caller);
  }

  private end(caller: string): void {
    this.size--;
    const left = (this.callers.get(caller) ?? 0) - 1;
    if (left > 0) this.callers.set(caller, left);
    else this.callers.delete(caller);
  }
}
