// Files that messages name, inside the writer's transaction: promises, uses by talks, and what is gone.

import type { Database } from "bun:sqlite";
import { type MediaCall, type MediaOutcome, mediaState } from "../../media.ts";
import { messageState } from "../conversations/tables.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { Names } from "../names.ts";

const stored: MediaOutcome = { result: "stored" };
const { complete, gone, named, promised } = mediaState;

/** What a talk names, inside its transaction. */
export class MediaUses {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      isUsable: db.prepare<{ one: bigint }, [string, bigint]>(
        `SELECT 1 AS one FROM media WHERE id = ? AND account = ? AND state IN (${complete}, ${named})`,
      ),
      add: db.prepare<null, [bigint, string, number]>("INSERT INTO media_use (message, media, place) VALUES (?, ?, ?)"),
      name: db.prepare<null, [string]>(`UPDATE media SET state = ${named} WHERE id = ?`),
      mark: db.prepare<null, [bigint]>(
        `UPDATE message SET state = ifnull(state, 0) | ${messageState.hasMedia} WHERE id = ?`,
      ),
    };
  }

  /** Reports whether all of these files are complete and the account's own. */
  areUsable(ids: readonly string[], account: bigint): boolean {
    return ids.every((id) => this.sql.isUsable.get(id, account) !== null);
  }

  /** Call after the message was inserted. */
  save(message: bigint, ids: readonly string[]): void {
    for (const [place, id] of ids.entries()) {
      this.sql.add.run(message, id, place);
      this.sql.name.run(id);
    }
    this.sql.mark.run(message);
  }
}

export class MediaWriter {
  private readonly names: Names;
  private readonly bounds: Pick<GroupParts["bounds"], "mediaUnnamed" | "mediaUnnamedBytes">;
  private readonly sql;

  constructor({ db, names, bounds }: GroupParts) {
    this.names = names;
    this.bounds = bounds;
    this.sql = {
      unnamed: db.prepare<{ count: bigint; bytes: bigint }, [bigint]>(
        `SELECT count(*) AS count, ifnull(sum(size), 0) AS bytes FROM media WHERE account = ? AND state < ${named}`,
      ),
      // Those of the last minute or so: an account may have any number of files.
      since: db.prepare<{ bytes: bigint }, [bigint, bigint]>(
        `SELECT ifnull(sum(size), 0) AS bytes FROM media
         WHERE number > ? AND +account = ? AND +state <> ${gone}`,
      ),
      // Above the number up to which the account's files are counted: SQLite gives that of a removed row again.
      add: db.prepare<null, [bigint, string, bigint, string, string, number, bigint]>(
        `INSERT INTO media (number, id, account, name, type, size, state, version)
         VALUES (max(?, (SELECT ifnull(max(number), 0) FROM media)) + 1, ?, ?, ?, ?, ?, ${promised}, ?)`,
      ),
      complete: db.prepare<null, [string, bigint]>(
        `UPDATE media SET state = ${complete} WHERE id = ? AND account = ? AND state = ${promised}`,
      ),
      forget: db.prepare<null, [string]>(`DELETE FROM media WHERE id = ? AND state = ${gone}`),
    };
  }

  private isBeyond(account: bigint, { size, quota }: Extract<MediaCall, { readonly call: "promise" }>): boolean {
    if (quota === undefined) return false;
    const since = this.sql.since.get(BigInt(quota.upTo), account)?.bytes ?? 0n;
    return quota.bytes + Number(since) + size > quota.bytesMax;
  }

  write(call: MediaCall, { ids, wallMs }: Moment): MediaOutcome {
    switch (call.call) {
      case "promise": {
        const account = this.names.account(call.app, call.account);
        const { count = 0n, bytes = 0n } = this.sql.unnamed.get(account) ?? {};
        if (count >= BigInt(this.bounds.mediaUnnamed)) return { result: "full" };
        if (Number(bytes) + call.size > this.bounds.mediaUnnamedBytes) return { result: "fullOfBytes" };
        if (this.isBeyond(account, call)) return { result: "fullOfAll" };
        const countedTo = BigInt(call.quota?.upTo ?? 0);
        this.sql.add.run(countedTo, call.id, account, call.name, call.type, call.size, ids.next(wallMs));
        return stored;
      }
      case "complete": {
        const account = this.names.findAccount(call.app, call.account);
        if (account !== undefined) for (const id of call.ids) this.sql.complete.run(id, account);
        return stored;
      }
      case "forget":
        for (const id of call.ids) this.sql.forget.run(id);
        return stored;
    }
  }
}
