// The lease of a node number: a row with an expiry. Every write transaction checks that the row still belongs to this
// holder, and extends it when due; so a process that could not renew cannot write under a number that another has
// taken. After kill -9 a restart takes another free number and does not wait.
//
// The row also shows whether the store was replaced: a backup that is restored into the open file has an earlier row or
// none. So a transaction that stores no message, which would show the same, changes the row.
//
// The expiry is wall-clock time, which may leap. A lease that ends later than a lease that begins now stems from a
// clock that was ahead: its number is taken if no other is free, and its holder, if alive, finds the row gone and takes
// another number. Ids stay unique regardless, because they come from a single row.

import type { Database } from "bun:sqlite";
import { nodeNumbers } from "../snowflake.ts";
import { Refusal } from "./refusal.ts";

export const leaseMs = 30_000;
/** A lease is extended after this much of it. */
export const renewAfterMs = 10_000;

export class NodeLease {
  private readonly holder: string;
  private readonly mayTake: (wallMs: number) => void;
  private readonly sql;
  /** Ids up to this one may belong to a former holder of the number. */
  ownAbove = 0n;
  /**
   * The row that `hold` found: `asLeft` by this holder; `gone`, because another process took the number or the store
   * was replaced; `other`, of another time, because the store was replaced.
   */
  found: "asLeft" | "gone" | "other" = "asLeft";
  /** The row's expiry after this holder's last transaction; undefined if it had none. */
  private leftMs: number | undefined;
  /** The row's expiry in the current transaction. */
  private untilMs = 0;

  /**
   * `holder` is random, for the life of the process. `mayTake` runs inside the write transaction before a number is
   * taken, and throws if this process may not use the store.
   */
  constructor(db: Database, holder: string, mayTake: (wallMs: number) => void = () => undefined) {
    this.holder = holder;
    this.mayTake = mayTake;
    this.sql = {
      own: db.prepare<{ number: bigint; until_ms: bigint }, [string]>(
        "SELECT number, until_ms FROM node WHERE holder = ?",
      ),
      extend: db.prepare<null, [number, string]>("UPDATE node SET until_ms = ? WHERE holder = ?"),
      taken: db.prepare<{ number: bigint }, [number, number]>(
        "SELECT number FROM node WHERE until_ms BETWEEN ? AND ? ORDER BY number",
      ),
      take: db.prepare<null, [number, string, number]>(
        "INSERT OR REPLACE INTO node (number, holder, until_ms) VALUES (?, ?, ?)",
      ),
      drop: db.prepare<null, [string]>("DELETE FROM node WHERE holder = ?"),
    };
  }

  /**
   * Inside a write transaction: returns this holder's number, valid until the transaction ends. `lastId` is the
   * store's. Throws Refusal if all numbers are leased.
   */
  hold(wallMs: number, lastId: bigint): number {
    const row = this.sql.own.get(this.holder);
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
    this.sql.take.run(free, this.holder, this.untilMs);
    this.ownAbove = lastId;
    return free;
  }

  /** Call at the end of a transaction without a message: makes the row differ from any earlier copy of the store. */
  stamp(wallMs: number): void {
    if (this.untilMs === this.leftMs) this.extendTo(Math.max(wallMs + leaseMs, this.untilMs + 1));
  }

  /** Call after the commit. */
  committed(): void {
    this.leftMs = this.untilMs;
  }

  private extendTo(untilMs: number): void {
    this.untilMs = untilMs;
    this.sql.extend.run(untilMs, this.holder);
  }

  private lowestFree(fromMs: number, toMs: number): number {
    let free = 0;
    for (const { number } of this.sql.taken.all(fromMs, toMs)) {
      if (Number(number) > free) break;
      free++;
    }
    return free;
  }

  /** Inside a write transaction: releases the number. */
  release(): void {
    this.sql.drop.run(this.holder);
  }
}
