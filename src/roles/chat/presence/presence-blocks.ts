// Ends watches of accounts that block the watcher. Blocks are made by any chat node of the store, so it looks at the
// version of blocks and settings while anybody watches, and reads the blocks that are new if that has moved. A watch is
// reserved before the store is asked whether it is allowed, so no block is missed between the two.

import type { Time } from "../../../base/runtime.ts";
import type { ServiceMetrics } from "../../../observe/metrics.ts";
import type { PeopleStore } from "../../../store/people.ts";
import { StoreUnavailable } from "../../../store/store.ts";
import type { Watches } from "./watches.ts";

/** Between two looks at the version, in milliseconds: a watch ends within a second. */
const lookMs = 500;
/** Blocks of one read. */
const rowsMax = 500;

interface Parts extends Time {
  readonly watches: Watches;
  readonly people: Pick<PeopleStore, "guardVersion" | "blocksAfter">;
  readonly metrics: Pick<ServiceMetrics, "bug">;
  /** A block has ended a watch. */
  readonly ended: () => void;
}

export class PresenceBlocks {
  private readonly parts: Parts;
  /** Resolves when the version is known from which it looks; undefined while nobody watches. */
  private beginning: Promise<void> | undefined;
  private version = 0n;
  /** Moves when looks that were begun before mean nothing any more. */
  private epoch = 0;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Resolves when all blocks that are made from now on are seen. Rejects like the store. */
  ready(): Promise<void> {
    return (this.beginning ??= this.begin());
  }

  /** The store was replaced, and all watches have ended: its versions mean nothing any more. */
  forget(): void {
    this.beginning = undefined;
    this.epoch++;
  }

  private async begin(): Promise<void> {
    const { epoch } = this;
    try {
      const version = await this.parts.people.guardVersion();
      if (epoch !== this.epoch) return;
      this.version = version;
      this.arm(epoch);
    } catch (error) {
      if (epoch === this.epoch) this.beginning = undefined;
      throw error;
    }
  }

  private arm(epoch: number): void {
    this.parts.timers.after(lookMs, () => {
      if (epoch !== this.epoch) return;
      if (this.parts.watches.size === 0) this.forget();
      else void this.look(epoch).then(() => this.arm(epoch));
    });
  }

  /** Never rejects: after a failure it goes on from the same version. */
  private async look(epoch: number): Promise<void> {
    const { people, watches, ended, metrics } = this.parts;
    try {
      const version = await people.guardVersion();
      if (epoch !== this.epoch || version === this.version) return;
      let seen = this.version;
      for (let length = rowsMax; length === rowsMax;) {
        const rows = await people.blocksAfter(seen, rowsMax);
        if (epoch !== this.epoch) return;
        for (const { app, account, blocked } of rows) watches.block(app, account, blocked);
        seen = rows.at(-1)?.version ?? seen;
        this.version = seen;
        ({ length } = rows);
      }
      // The other changes that it counts are settings.
      if (version > seen) this.version = version;
      ended();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) metrics.bug(error, "request");
    }
  }
}
