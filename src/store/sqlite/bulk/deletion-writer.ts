// Deletes everything of an account, inside the writer's transactions. The first one takes its name away: from then on
// no query finds the account, and its number names a tombstone, whose name no account can have.

import type { Statement } from "bun:sqlite";
import type { Operation } from "../../data.ts";
import { entryKind } from "../../conversations.ts";
import { mediaState } from "../../media.ts";
import { purgeRowsMax } from "../../purge.ts";
import { idMax } from "../../snowflake.ts";
import type { EntryIds } from "../conversations/entry-ids.ts";
import type { Moment } from "../conversations/moment.ts";
import { TextEraser } from "../conversations/text-eraser.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import { secondsOf } from "../groups/group-rows.ts";
import { HookEraser } from "../hooks/hook-eraser.ts";
import { ImportRows } from "./import-rows.ts";
import { type DeletionPlace, type DeletionSlice, type DeletionStep, stepAfter } from "./deletion-steps.ts";
import { operationOf, type OperationRow, OperationRows, placeOf } from "./operation-rows.ts";

/** Leaving a group costs as much as some dozen messages. */
const groupsMax = 50;

/** What a slice did: up to which position, and whether its step has more. */
interface Done {
  readonly rows: number;
  readonly position: bigint;
  readonly isMore: boolean;
}

/** A table of which all rows are read, because no index finds those of an account. */
interface Scan {
  readonly last: Statement<{ last: bigint | null }, [bigint]>;
  readonly drop: Statement<null, [bigint, bigint, bigint]>;
}

interface MentionRow {
  readonly number: bigint;
  readonly id: bigint;
  readonly mentions: string | null;
}

/** Undefined: there is no such account. See ImportRows.close. */
export type DeletionBegun = Operation | ReturnType<ImportRows["close"]>;

/** The name of the tombstone of an account's number; no account can have it, because of the comma. */
function tombstoneOf(account: bigint): string {
  return `deleted,${account}`;
}

export class DeletionWriter {
  private readonly parts: GroupParts;
  private readonly entryIds: EntryIds;
  private readonly operations: OperationRows;
  private readonly imports: ImportRows;
  private readonly eraser: TextEraser;
  private readonly hooks: HookEraser;
  private readonly scans: Partial<Record<DeletionStep, Scan>>;
  private readonly own: readonly Statement<null, [bigint, number]>[];
  private readonly sql;

  constructor(parts: GroupParts, entryIds: EntryIds) {
    const { db } = parts;
    this.parts = parts;
    this.entryIds = entryIds;
    this.operations = new OperationRows(db);
    this.imports = new ImportRows(db);
    this.eraser = new TextEraser(db);
    this.hooks = new HookEraser(db);
    const scan = (table: string, key: string, condition: string): Scan => ({
      last: db.prepare(
        `SELECT max(${key}) AS last FROM (SELECT ${key} FROM ${table} WHERE ${key} > ? ORDER BY ${key}
           LIMIT ${purgeRowsMax})`,
      ),
      drop: db.prepare(`DELETE FROM ${table} WHERE ${key} > ?1 AND ${key} <= ?2 AND ${condition}`),
    });
    this.scans = {
      reactions: scan("reaction", "number", "account = ?3"),
      entries: scan("entry", "id", `actor = ?3 AND kind = ${entryKind.reacted}`),
      blocks: scan("block", "number", "blocked = ?3"),
      invitations: scan("invitation", "number", "maker = ?3"),
      marks: scan("read_mark", "number", "(account = ?3 OR other = ?3)"),
    };
    this.own = ["block", "hidden", "conversation", "join_request"]
      .map((table) => `DELETE FROM ${table} WHERE number IN (SELECT number FROM ${table} WHERE account = ? LIMIT ?)`)
      .concat(
        // Those that messages named go with them.
        `UPDATE media SET state = ${mediaState.gone} WHERE number IN (
           SELECT number FROM media WHERE account = ? AND state < ${mediaState.named} LIMIT ?)`,
        "DELETE FROM profile WHERE account = ? AND ?",
        "DELETE FROM consent WHERE account = ? AND ?",
        "DELETE FROM group_count WHERE account = ? AND ?",
        `DELETE FROM cursor WHERE (account, device) IN (
           SELECT account, device FROM cursor WHERE account = ? LIMIT ?)`,
      )
      .map((sql) => db.prepare<null, [bigint, number]>(sql));
    this.sql = {
      rename: db.prepare<null, [string, bigint]>("UPDATE account SET app = '', name = ? WHERE number = ?"),
      guard: db.prepare<null, [bigint]>("UPDATE sequence SET guard_id = ?"),
      groups: db.prepare<{ group: bigint }, [bigint, bigint]>(
        `SELECT "group" FROM member WHERE account = ? AND until_id IS NULL AND "group" > ? ORDER BY "group"
         LIMIT ${groupsMax}`,
      ),
      close: db.prepare<null, [bigint, bigint, bigint]>(
        `UPDATE member SET until_id = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
      ),
      clear: db.prepare<null, [bigint, bigint, bigint, bigint]>(
        `INSERT INTO conversation (account, other, pinned, muted, hidden_id, cleared_id, version)
         VALUES (?, ?, 0, 0, 0, ?, ?)
         ON CONFLICT (account, other) DO UPDATE SET pinned = 0, cleared_id = max(cleared_id, excluded.cleared_id),
           version = excluded.version`,
      ),
      lastMention: db.prepare<{ last: bigint | null }, [bigint]>(
        `SELECT max(number) AS last FROM (SELECT number FROM mention WHERE number > ? ORDER BY number
           LIMIT ${purgeRowsMax})`,
      ),
      mentions: db.prepare<MentionRow, [bigint, bigint, string, bigint, string]>(
        `SELECT n.number, n.id, m.mentions FROM mention n
         JOIN message m ON m.id = n.id JOIN account a ON a.number = m.sender
         WHERE n.number > ? AND n.number <= ? AND n.who = ? AND n.id <= ? AND a.app = ?`,
      ),
      dropMention: db.prepare<null, [bigint]>("DELETE FROM mention WHERE number = ?"),
      setMentions: db.prepare<null, [string | null, bigint]>("UPDATE message SET mentions = ? WHERE id = ?"),
      kicks: db.prepare<null, [string, string, bigint]>(
        "DELETE FROM revocation WHERE app = ? AND account = ? AND kind = 'kick' AND id < ?",
      ),
      windows: db.prepare<null, [bigint, number]>(
        "DELETE FROM member WHERE number IN (SELECT number FROM member WHERE account = ? LIMIT ?)",
      ),
    };
  }

  /** Takes the account's name away, and returns the operation that deletes the rest; or why it may not begin. */
  begin(app: string, name: string, moment: Moment): DeletionBegun {
    const account = this.parts.names.findAccount(app, name);
    if (account === undefined) return undefined;
    const refusal = this.imports.close(app, moment);
    if (refusal !== undefined) return refusal;
    const { ids, wallMs } = moment;
    const id = ids.next(wallMs);
    this.operations.add({ id, app, name, account, step: "groups" }, secondsOf(wallMs));
    this.sql.rename.run(tombstoneOf(account), account);
    // Writers that know the account by its name notice (tombstones.ts).
    this.sql.guard.run(id);
    this.parts.names.forget();
    const row = this.operations.find(id);
    return row === null ? undefined : operationOf(row);
  }

  /** Returns where the operation is after a slice; undefined at its end. A slice of another place does nothing. */
  step(slice: DeletionSlice, moment: Moment): DeletionPlace | undefined {
    const row = this.operations.find(BigInt(slice.operation));
    if (row === null || row.step === "done") return undefined;
    const place = placeOf(row);
    if (place.step !== slice.step || place.position !== slice.position) return place;
    const { rows, position, isMore } = this.slice(place.step, row, slice, moment);
    const step = isMore ? place.step : stepAfter(place.step);
    this.operations.save(row.id, step, isMore ? position : 0n, rows, secondsOf(moment.wallMs));
    return step === "done" ? undefined : { ...place, step, position: `${isMore ? position : 0n}` };
  }

  private slice(step: DeletionStep, row: OperationRow, slice: DeletionSlice, moment: Moment): Done {
    const { account, position } = row;
    switch (step) {
      case "groups":
        return this.leaveGroups(row, moment);
      case "partners":
        return this.ofFound(slice, (partner) => {
          if (partner === account) return;
          const version = moment.ids.next(moment.wallMs);
          this.sql.clear.run(partner, account, row.id, version);
        });
      case "messages":
        return this.ofFound(slice, (id) => this.eraser.erase(id, account));
      case "mentions":
        return this.dropMentions(row);
      case "hooks":
        return this.hooks.erase(row);
      case "reads":
        return { rows: 0, position, isMore: false };
      case "own":
        // Those of whoever has the name now are younger. That its tokens are revoked stays.
        this.sql.kicks.run(row.app, row.name, row.id);
        return this.dropAll(this.own, account);
      case "windows":
        return this.dropAll([this.sql.windows], account);
      default:
        return this.scan(step, row);
    }
  }

  /** It leaves as by its own will: of a group that it owns, the member of longest standing inherits. */
  private leaveGroups({ account, position }: OperationRow, moment: Moment): Done {
    const { rows, membership } = this.parts;
    const found = this.sql.groups.all(account, position);
    const self = { number: account, name: tombstoneOf(account) };
    for (const { group: number } of found) {
      const group = rows.byNumber(number);
      if (group !== null && group.member_count > 0n) membership.end(group, self, [self], moment);
      else this.sql.close.run(group?.dismissed_id || moment.ids.next(moment.wallMs), number, account);
    }
    return { rows: found.length, position: found.at(-1)?.group ?? position, isMore: found.length === groupsMax };
  }

  private ofFound({ found = [], position, isLast = false }: DeletionSlice, each: (id: bigint) => void): Done {
    for (const id of found) each(BigInt(id));
    return { rows: found.length, position: BigInt(found.at(-1) ?? position), isMore: !isLast };
  }

  /**
   * Mentions are by name, which others may have from now on. All rows are read: an import may have brought some of
   * whoever was in no conversation with the sender.
   */
  private dropMentions({ id, app, name, position }: OperationRow): Done {
    const last = this.sql.lastMention.get(position)?.last ?? idMax;
    const found = this.sql.mentions.all(position, last, name, id, app);
    for (const { number, id: message, mentions } of found) {
      this.sql.dropMention.run(number);
      const others = (mentions ?? "").split(",").filter((who) => who !== name && who !== "");
      this.sql.setMentions.run(others.length === 0 ? null : others.join(","), message);
    }
    return { rows: found.length, position: last, isMore: last !== idMax };
  }

  private dropAll(statements: readonly Statement<null, [bigint, number]>[], account: bigint): Done {
    let rows = 0;
    let isMore = false;
    for (const statement of statements) {
      const { changes } = statement.run(account, purgeRowsMax);
      rows += changes;
      isMore ||= changes >= purgeRowsMax;
    }
    return { rows, position: 0n, isMore };
  }

  private scan(step: DeletionStep, { account, position }: OperationRow): Done {
    const scan = this.scans[step];
    if (scan === undefined) throw new Error(`nothing is known about the step ${step} of a deletion`);
    const last = scan.last.get(position)?.last ?? idMax;
    const { changes } = scan.drop.run(position, last, account);
    if (step === "entries" && changes > 0) this.entryIds.forget();
    return { rows: changes, position: last, isMore: last !== idMax };
  }
}
