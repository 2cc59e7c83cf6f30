// The node number of this writer: a row with an expiry. Every write transaction looks, inside itself, whether the row
// is still this holder's, and extends it when due; so a process that could not renew cannot write under a number that
// somebody else has taken. After kill -9 a restart takes another free number and does not wait.
//
// The row also tells whether the store is still the one that its holder knows: a backup that is put into the open file
// brings an earlier row, or none. So a transaction that stores no message, which would tell the same, changes the row.
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
   * What `hold` found: the row as this holder has left it; none, because somebody took the number over or the store is
   * another one; or one of another time, so the store is another one.
   */
  found: "asLeft" | "gone" | "other" = "asLeft";
  /** The row's expiry after this holder's last transaction; undefined: it had none. */
  private leftMs: number | undefined;
  /** The same in this transaction. */
  private untilMs = 0;

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
    this.found = "asLeft";
    if (this.leftMs !== undefined && row === null) this.found = "gone";
    if (this.leftMs !== undefined && row !== null && Number(row.until_ms) !== this.leftMs) this.found = "other";
    if (row !== null) {
      this.untilMs = Number(row.until_ms);
      const leftMs = this.untilMs - wallMs;
      if (leftMs < leaseMs - renewAfterMs || leftMs > leaseMs) this.extendTo(wallMs + leaseMs);
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
    this.untilMs = wallMs + leaseMs;
    this.take.run(free, this.holder, this.untilMs);
    this.ownAbove = lastId;
    return free;
  }

  /** At the end of a transaction that has stored no message: leaves a row that no earlier copy of the store has. */
  stamp(wallMs: number): void {
    if (this.untilMs === this.leftMs) this.extendTo(Math.max(wallMs + leaseMs, this.untilMs + 1));
  }

  /** The transaction has committed. */
  committed(): void {
    this.leftMs = this.untilMs;
  }

  private extendTo(untilMs: number): void {
    this.untilMs = untilMs;
    this.extend.run(untilMs, this.holder);
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
