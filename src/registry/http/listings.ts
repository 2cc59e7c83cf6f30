// Bounds concurrent reads of fetch/all: a listing holds its copy of the table for as long as its reader takes. Its
// start scans the whole table at once; a caller that starts one after another gets a small part of the time. Other
// nodes of the registry, which start with a listing, are not counted.

import { Counts } from "../../base/counts.ts";
import type { Limits } from "../../base/limits/limits.ts";

/** A slot stays occupied for this many times the duration of the listing's start. */
const restFactor = 40;
const restMsMax = 10_000;

/** A slot. */
interface Listing {
  /** Reports the duration of the listing's start. */
  began(tookMs: number): void;
  end(): void;
}

export class Listings {
  private readonly limits: Limits;
  private readonly callers = new Counts<string>();
  private size = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    limits.measure("listings", () => this.size);
    limits.measure("listingsPerAddress", () => this.callers.most);
  }

  /** Takes a slot for an address ('' has no bound of its own). Returns undefined if a bound was reached. */
  begin(caller: string): Listing | undefined {
    const { values } = this.limits;
    const own = this.callers.of(caller);
    if (this.size >= values.listings) {
      this.limits.met("listings", { address: caller });
      return undefined;
    }
    if (caller !== "" && own >= values.listingsPerAddress) {
      this.limits.met("listingsPerAddress", { address: caller });
      return undefined;
    }
    this.size++;
    if (caller !== "") this.callers.add(caller);
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
    this.callers.add(caller, -1);
  }
}
