// The newest entry (not a message) of each inbox, for `previousEntryId`: a talk needs no lookup for it, except the
// first one to each inbox of a store that has entries at all. Quiet entries count for none.

import type { Database } from "bun:sqlite";
import { receivedKey } from "../index/posting.ts";
import { LastIds } from "../last-ids.ts";

/** More entries of other processes than this are not read one by one. */
const followedMax = 1_000;

export class EntryIds {
  private ids = new LastIds();
  /** Entries up to this id are in `ids`, as far as their inboxes are. */
  private last = 0n;
  private readonly newest;
  private readonly newestOf;
  private readonly newestBelowOf;
  private readonly above;

  constructor(db: Database) {
    this.newest = db.prepare<{ id: bigint | null }, []>("SELECT max(id) AS id FROM entry");
    this.newestOf = db.prepare<{ id: bigint | null }, [bigint]>(
      "SELECT max(id) AS id FROM entry WHERE inbox = +? AND quiet = 0",
    );
    this.newestBelowOf = db.prepare<{ id: bigint | null }, [bigint, bigint]>(
      "SELECT max(id) AS id FROM entry WHERE inbox = +? AND quiet = 0 AND id < ?",
    );
    this.above = db.prepare<{ id: bigint; inbox: bigint; quiet: bigint }, [bigint, number]>(
      "SELECT id, inbox, quiet FROM entry WHERE id > ? ORDER BY id LIMIT ?",
    );
  }

  /** At the start of a transaction: takes in what other processes have committed, and what a purge has deleted. */
  follow(): void {
    const last = this.newest.get()?.id ?? 0n;
    if (last === this.last) return;
    const rows = last > this.last && this.last > 0n ? this.above.all(this.last, followedMax) : [];
    if (rows.at(-1)?.id !== last) this.ids = new LastIds();
    else for (const { id, inbox, quiet } of rows) if (quiet === 0n) this.ids.set(receivedKey(inbox), id);
    this.last = last;
  }

  /** Returns the newest entry of the inbox that is not quiet, or 0n. */
  newestIn(inbox: bigint): bigint {
    if (this.last === 0n) return 0n;
    const key = receivedKey(inbox);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const found = this.newestOf.get(inbox)?.id ?? 0n;
    this.ids.set(key, found);
    return found;
  }

  /** Returns the newest one of them below an id, or 0n. */
  newestBelow(inbox: bigint, id: bigint): bigint {
    const newest = this.newestIn(inbox);
    return newest < id ? newest : (this.newestBelowOf.get(inbox, id)?.id ?? 0n);
  }

  add(inbox: bigint, id: bigint, isQuiet = false): void {
    if (!isQuiet) this.ids.set(receivedKey(inbox), id);
    this.last = id;
  }

  /** After a rollback, after a purge, or when the store was replaced. */
  forget(): void {
    this.ids = new LastIds();
    this.last = 0n;
  }
}
