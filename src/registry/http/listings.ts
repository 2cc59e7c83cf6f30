// Who reads fetch/all: a listing holds what it copied of the table for as long as its reader takes, so there are few at
// a time. Its beginning looks at the whole table at once; whoever begins one after the other gets no further than a
// small part of the time. Other nodes of the registry are not counted: they start with one.

import type { Limits } from "../../base/limits/limits.ts";

/** A place is taken for so many times what the listing's beginning took. */
const restFactor = 40;
const restMsMax = 10_000;

/** A place among those who list. */
export interface Listing {
  /** The listing has begun, which took so long. */
  began(tookMs: number): void;
  end(): void;
}

export class Listings {
  private readonly limits: Limits;
  private readonly callers = new Map<string, number>();
  private size = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    limits.measure("listings", () => this.size);
    limits.measure("listingsPerAddress", () => Math.max(0, ...this.callers.values()));
  }

  /** Takes a place for an address ('' has no bound of its own). Returns undefined if a bound was reached. */
  begin(caller: string): Listing | undefined {
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
    const beganMs = performance.now();
    let restMs = 0;
    return {
      began: (tookMs) => {
        restMs = Math.min(tookMs * restFactor, restMsMax);
      },
      end: () => {
        const leftMs = beganMs + restMs - performance.now();
        if (leftMs <= 1) this.leave(caller);
        else setTimeout(() => this.leave(caller), leftMs);
      },
    };
  }

  private leave(caller: string): void {
    this.size--;
    const left = (this.callers.get(caller) ?? 0) - 1;
    if (left > 0) this.callers.set(caller, left);
    else this.callers.delete(caller);
  }
}
