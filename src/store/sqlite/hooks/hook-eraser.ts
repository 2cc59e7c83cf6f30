// Takes the name of a deleted account out of the batches of webhooks.

import type { Database } from "bun:sqlite";

/** Of a slice; each has up to a thousand references. */
const batchesMax = 100;

interface BatchRow {
  readonly number: bigint;
  readonly refs: string;
  readonly conversation: string;
  readonly reason: string;
}

/** Whose name it is, and the batch up to which it was taken out. */
interface Erasure {
  readonly app: string;
  readonly name: string;
  readonly position: bigint;
}

export class HookEraser {
  private readonly sql;

  constructor(db: Database) {
    const batches = `SELECT number, CASE lane WHEN 'undelivered' THEN refs ELSE '' END AS refs, conversation, reason
      FROM hook_batch WHERE hook IN (SELECT id FROM hook WHERE app = ?)`;
    this.sql = {
      waiting: db.prepare<BatchRow, [string]>(`${batches} AND state IN ('open', 'aside')`),
      some: db.prepare<BatchRow, [string, bigint]>(`${batches} AND number > ? ORDER BY number LIMIT ${batchesMax}`),
      isWaiting: db.prepare<{ number: bigint }, [bigint]>(
        "SELECT number FROM hook_batch WHERE number = ? AND state <> 'dead'",
      ),
      setRefs: db.prepare<null, [string, bigint]>("UPDATE hook_batch SET refs = ? WHERE number = ?"),
      set: db.prepare<null, [string, string, bigint]>(
        "UPDATE hook_batch SET conversation = ?, reason = ? WHERE number = ?",
      ),
      drop: db.prepare<null, [bigint]>("DELETE FROM hook_batch WHERE number = ?"),
      // A process that delivers has batches in memory, and may not save them: it reads them again.
      release: db.prepare<null, []>("UPDATE hook_lease SET holder = '', beat = beat + 1"),
    };
  }

  /** Does a slice: at first the batches that wait, of which there are few, then all others in the order of numbers. */
  erase({ app, name, position }: Erasure): {
    readonly rows: number;
    readonly position: bigint;
    readonly isMore: boolean;
  } {
    const some = this.sql.some.all(app, position);
    const waiting = position === 0n ? this.sql.waiting.all(app) : [];
    const wereWaiting = waiting.length + some.filter(({ number }) => this.sql.isWaiting.get(number) !== null).length;
    const changed = new Set([...waiting, ...some].filter((row) => this.eraseIn(row, name)).map(({ number }) => number));
    if (position === 0n || wereWaiting > 0) this.sql.release.run();
    return { rows: changed.size, position: some.at(-1)?.number ?? position, isMore: some.length === batchesMax };
  }

  /** False if the batch does not name the account. */
  private eraseIn({ number, refs, conversation, reason }: BatchRow, name: string): boolean {
    const kept = refs
      .split(",")
      .filter((ref) => ref.slice(ref.indexOf("/") + 1) !== name)
      .join(",");
    const isNamed = conversation.split(",").includes(name);
    if (kept === refs && !isNamed && !reason.includes(name)) return false;
    if (kept === "" && refs !== "") this.sql.drop.run(number);
    else {
      if (kept !== refs) this.sql.setRefs.run(kept, number);
      this.sql.set.run(isNamed ? "" : conversation, reason.replaceAll(name, "…"), number);
    }
    return true;
  }
}
