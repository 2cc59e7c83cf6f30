// Reads groups for exports: of an app by their numbers, of an account by the numbers of the rows with which it first
// joined them. Both rise with time. A group that is being created shows when all of its members are there; until then
// nothing is read that began after it, so that nothing shows later before what was read.

import type { Database } from "bun:sqlite";
import { type DataRecord, type GroupRecord, groupThatWasLeft } from "../../data-records.ts";
import { isUnfinished } from "../member-lookups.ts";

interface GroupRow {
  /** The place of the group in the export. */
  readonly number: bigint;
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly announcement: string;
  /** Null for a group that was imported without one. */
  readonly owner: string | null;
  readonly owner_app: string | null;
  readonly created_ms: bigint;
  readonly closed: bigint;
  readonly approval: bigint;
  readonly for_admins: bigint;
  readonly dismissed_id: bigint;
  /** The account whose export it is does not see it as it is now. */
  readonly is_left: bigint;
}

/** What an export is of, by number. */
export interface GroupSelection {
  readonly app: string;
  /** Whose profile and groups; undefined: of the whole app. 0n: nobody's. */
  readonly account: bigint | undefined;
  /** The only group; undefined: all. 0n: none. */
  readonly group: bigint | undefined;
}

const unfinishedOfApp = `FROM unfinished u JOIN "group" g ON g.number = u."group" WHERE u.step >= 0 AND g.app = ?1`;

export class ExportGroups {
  private readonly sql;

  /** `rowsMax`: that are read at once, whomever they belong to. */
  constructor(db: Database, rowsMax: number) {
    const columns = `g.app, g.id, g.name, g.avatar, g.introduction, g.announcement, a.name AS owner,
      a.app AS owner_app, g.created_ms, g.closed, g.approval, g.for_admins, g.dismissed_id`;
    const owner = "LEFT JOIN account a ON a.number = g.owner";
    const creating = (what: string): string => `ifnull((SELECT min(${what}) ${unfinishedOfApp}), ${2n ** 63n - 1n})`;
    this.sql = {
      creating: db.prepare<{ id: bigint | null }, [string]>(`SELECT min(g.version) AS id ${unfinishedOfApp}`),
      all: db.prepare<GroupRow, [string, bigint]>(
        `SELECT g.number, ${columns}, 0 AS is_left FROM "group" g ${owner}
         WHERE g.number > ?2 AND g.number < ${creating("g.number")} AND NOT ${isUnfinished("g.number")}
         ORDER BY g.number LIMIT ${rowsMax}`,
      ),
      one: db.prepare<GroupRow, [bigint]>(
        `SELECT g.number, ${columns}, 0 AS is_left FROM "group" g ${owner}
         WHERE g.number = ? AND NOT ${isUnfinished("g.number")}`,
      ),
      joined: db.prepare<GroupRow, [string, bigint, bigint]>(
        `SELECT m.number, ${columns}, g.dismissed_id > 0 OR NOT m.is_member AS is_left
         FROM (
           SELECT min(number) AS number, min(from_id) AS from_id, max(until_id IS NULL) AS is_member, "group"
           FROM member WHERE account = ?2 GROUP BY "group") m
         JOIN "group" g ON g.number = m."group" ${owner}
         WHERE m.number > ?3 AND m.from_id < ${creating("g.version")} AND NOT ${isUnfinished("g.number")}
         ORDER BY m.number LIMIT ${rowsMax}`,
      ),
      first: db.prepare<{ number: bigint }, [bigint, bigint]>(
        `SELECT number FROM member WHERE account = ? AND "group" = ? ORDER BY from_id LIMIT 1`,
      ),
    };
  }

  /** The first id of those of an app that are being created; null if there are none. */
  creatingId(app: string): bigint | null {
    return this.sql.creating.get(app)?.id ?? null;
  }

  /** Those behind a place. */
  after({ app, account, group }: GroupSelection, place: bigint): readonly GroupRow[] {
    if (group !== undefined) return group > place ? this.sql.one.all(group) : [];
    return account === undefined ? this.sql.all.all(app, place) : this.sql.joined.all(app, account, place);
  }

  /** The place of a group in an export; undefined for one in which the account has never been. */
  placeOf({ account = 0n }: Pick<GroupSelection, "account">, group: bigint): bigint | undefined {
    return account === 0n ? group : this.sql.first.get(account, group)?.number;
  }

  /** Undefined for one of another app. */
  recordOf(app: string, row: GroupRow): DataRecord | undefined {
    if (row.app !== app) return undefined;
    return { group: row.is_left === 0n ? groupRecord(row) : groupThatWasLeft(row.id) };
  }
}

function groupRecord(row: GroupRow): GroupRecord {
  const owner = row.owner_app === row.app ? (row.owner ?? "") : "";
  return {
    id: row.id,
    name: row.name,
    avatar: row.avatar,
    introduction: row.introduction,
    announcement: row.announcement,
    owner,
    createdAt: Number(row.created_ms / 1_000n),
    closed: row.closed !== 0n,
    approval: row.approval !== 0n,
    muted: row.for_admins !== 0n,
    // Whoever owned it last was deleted, and nobody has inherited it.
    dismissed: row.dismissed_id > 0n || owner === "",
  };
}
