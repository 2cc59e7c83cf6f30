// Which accounts may refuse a talk (guard-functions.ts), as far as a process has read them: talks to others cost the
// database no look for each. Dropped with the life of the store, as the numbers of accounts are (account-numbers.ts).

import { NumberSet } from "../../../base/number-set.ts";
import { StoreUnavailable } from "../../store.ts";
import type { Connections } from "../connection.ts";

/** Rows of one query. */
const pageMax = 1_000;
const followEveryMs = 500;

export class GuardedAccounts {
  private readonly accounts = new NumberSet();
  private known = 0n;
  private isReading = false;
  /** By performance.now(). */
  private readMs = -Infinity;

  /** The version up to which all accounts are known that may refuse a talk. */
  get version(): bigint {
    return this.known;
  }

  has(account: bigint): boolean {
    return this.accounts.has(account);
  }

  /**
   * Reads what is new in the background, at most once in `followEveryMs`. Until that is done, and while the database is
   * away, `version` shows that something is missing.
   */
  follow(connections: Connections, life: string): void {
    const nowMs = performance.now();
    if (this.isReading || nowMs < this.readMs + followEveryMs) return;
    this.readMs = nowMs;
    this.isReading = true;
    void this.read(connections, life).finally(() => {
      this.isReading = false;
    });
  }

  private async read(connections: Connections, life: string): Promise<void> {
    try {
      while ((await this.readPage(connections, life)) === pageMax);
    } catch (error) {
      // The next batch of messages finds out, too.
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }

  /** Versions follow the order of commits, so none is missing below the last one. Returns how many rows there were. */
  private async readPage(connections: Connections, life: string): Promise<number> {
    const rows = await connections.run<{ account: bigint; version: bigint }[]>(
      (sql) => sql`
        SELECT g.account, g.version FROM roost.guard g
        WHERE roost.require_life(${life}) AND g.version > ${this.known} ORDER BY g.version LIMIT ${pageMax}`,
    );
    for (const { account } of rows) this.accounts.add(account);
    this.known = rows.at(-1)?.version ?? this.known;
    return rows.length;
  }
}
