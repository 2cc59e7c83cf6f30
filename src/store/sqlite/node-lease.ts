// The node number of this writer: a row with an expiry. Every write transaction looks, inside itself, whether the row
// is still this holder's, and extends it when due; so a process that could not renew cannot write under a number that
// somebody else has taken. After kill -9 a restart takes another free number and does not wait.
//
// The expiry is a time of the wall clock, which may leap. A lease that ends later than one can that begins now is a
// leftover of a clock that was ahead: its number is taken when no other one is free. Its holder, if it lives, finds its row
// gone and takes another number. Ids stay unique in any case: they come from one row.

import type { Database } from "bun:sqlite";
import { nodeNumbers } from "../snowflake.ts";
import { Refusal } from "./refusal.ts";

export const leaseMs = 30_000;
/** A lease is extended when this much of it has passed. */
export const renewAfterMs = 10_000;

export class NodeLease {
  private readonly holder: string;
  private readonly mayTake: (wallMs: number) => void;
  private readonly own;
  private readonly extend;
  private readonly taken;
  private readonly take;
  private readonly drop;
  /** Ids up to this one were not taken by this holder under its number: somebody else may have had it before. */
  ownAbove = 0n;

  /**
   * `holder` is random and as long-lived as the process. `mayTake` is called inside the write transaction before a number is
   * taken, and throws if this process may not use the store.
   */
  constructor(db: Database, holder: string, mayTake: (wallMs: number) => void = () => undefined) {
    this.holder = holder;
    this.mayTake = mayTake;
    this.own = db.prepare<{ number: bigint; until_ms: bigint }, [string]>(
      "SELECT number, until_ms FROM node WHERE holder = ?",
    );
    this.extend = db.prepare<null, [number, string]>("UPDATE node SET until_ms = ? WHERE holder = ?");
    this.taken = db.prepare<{ number: bigint }, [number, number]>(
      "SELECT number FROM node WHERE until_ms BETWEEN ? AND ? ORDER BY number",
    );
    this.take = db.prepare<null, [number, string, number]>(
      "INSERT OR REPLACE INTO node (number, holder, until_ms) VALUES (?, ?, ?)",
    );
    this.drop = db.prepare<null, [string]>("DELETE FROM node WHERE holder = ?");
  }

  /**
   * Inside a write transaction: the number that is ours until it ends. `lastId` is the store's. Refuses when all numbers
   * are leased.
   */
  hold(wallMs: number, lastId: bigint): number {
    const row = this.own.get(this.holder);
    if (row !== null) {
      const leftMs = Number(row.until_ms) - wallMs;
      if (leftMs < leaseMs - renewAfterMs || leftMs > leaseMs) this.extend.run(wallMs + leaseMs, this.holder);
      return Number(row.number);
    }
    this.mayTake(wallMs);
    let free = this.lowestFree(wallMs, Number.MAX_SAFE_INTEGER);
    if (free >= nodeNumbers) free = this.lowestFree(wallMs, wallMs + leaseMs);
    if (free >= nodeNumbers) {
      throw new Refusal(
        `all ${nodeNumbers} node numbers of the store are leased; stop a process that uses it, ` +
          `or wait ${leaseMs / 1000} s after a crash`,
      );
    }
    this.take.run(free, this.holder, wallMs + leaseMs);
    this.ownAbove = lastId;
    return free;
  }

  /** The lowest number of which no lease ends in this time. */
  private lowestFree(fromMs: number, toMs: number): number {
    let free = 0;
    for (const { number } of this.taken.all(fromMs, toMs)) {
      if (Number(number) > free) break;
      free++;
    }
    return free;
  }

  /** Inside a write transaction: gives the number back. */
  release(): void {
    this.drop.run(this.holder);
  }
}
