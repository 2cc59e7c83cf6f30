// Changes who is in a group, inside the writer's transaction: the rows of members, the group's version and count, and
// the entry, whose id is the version and the bound of the windows.
//
// Nobody is refused because of what others do: groups that an account created or joined itself (`own`) are counted
// separately from those that others put it in. Triggers maintain the counts (schema.ts); an account's row of counts is
// created on first use here. A refused request creates no row.

import type { Database } from "bun:sqlite";
import { quietMembersMax } from "../../../base/limits/fixed.ts";
import type { LimitValues } from "../../../base/limits/table.ts";
import { entryKind } from "../../conversations.ts";
import type { GroupOutcome } from "../../groups.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupEntries } from "./group-entries.ts";
import { type Account, type GroupRow, prepareToOwner } from "./group-rows.ts";

/** The bounds on groups of this process; other processes of the store may have others. */
export type GroupBounds = Pick<
  LimitValues,
  | "groupsPerAccount"
  | "groupsPutPerAccount"
  | "groupMembers"
  | "invitationsPerGroup"
  | "joinRequestsPerGroup"
  | "joinRequestsPerAccount"
  | "blocksPerAccount"
  | "mediaUnnamed"
  | "mediaUnnamedBytes"
>;

interface Counts {
  readonly own: bigint;
  readonly put: bigint;
}

type Stored = Extract<GroupOutcome, { readonly result: "stored" }>;

export class Membership {
  private readonly entries: GroupEntries;
  private readonly bounds: GroupBounds;
  private readonly sql;

  constructor(db: Database, entries: GroupEntries, bounds: GroupBounds) {
    this.entries = entries;
    this.bounds = bounds;
    this.sql = {
      update: db.prepare<null, [bigint, bigint, bigint, bigint]>(
        `UPDATE "group" SET version = ?1, member_count = ?2, owner = ?3, closing = (?2 = 0) WHERE number = ?4`,
      ),
      counts: db.prepare<Counts, [bigint]>("SELECT own, put FROM group_count WHERE account = ?"),
      count: db.prepare<Counts, [bigint, bigint]>(
        `INSERT INTO group_count (account, own, put)
         SELECT ?, ifnull(sum(own), 0), ifnull(sum(1 - own), 0) FROM member WHERE account = ? AND until_id IS NULL
         RETURNING own, put`,
      ),
      // A mute stays with the account.
      enter: db.prepare<null, [bigint, bigint, bigint, number, number]>(
        `INSERT INTO member ("group", account, from_id, joined_ms, own, muted_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ifnull((
           SELECT muted_until FROM member WHERE account = +?2 AND "group" = +?1 ORDER BY from_id DESC LIMIT 1), 0))`,
      ),
      dropRequest: db.prepare<null, [bigint, bigint]>(`DELETE FROM join_request WHERE "group" = ? AND account = ?`),
      leave: db.prepare<null, [bigint, bigint, bigint]>(
        `UPDATE member SET until_id = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
      ),
      // Rows are numbered in the order of joining.
      longest: db.prepare<{ number: bigint; account: bigint }, [bigint]>(
        `SELECT number, account FROM member WHERE "group" = ? AND until_id IS NULL ORDER BY number LIMIT 1`,
      ),
      toOwner: prepareToOwner(db),
    };
  }

  /** The limit that keeps an account from one more group; `isOwn`: it joins by itself. */
  fullOf(account: bigint, isOwn: boolean): "groupsPerAccount" | "groupsPutPerAccount" | undefined {
    const bound = isOwn ? "groupsPerAccount" : "groupsPutPerAccount";
    const { own, put } = this.countsOf(account);
    return (isOwn ? own : put) >= BigInt(this.bounds[bound]) ? bound : undefined;
  }

  /** Whether the group has no room for so many more. */
  isFull(group: GroupRow, more = 1): boolean {
    return group.member_count + BigInt(more) > BigInt(this.bounds.groupMembers);
  }

  /** Adds accounts that are no members and were checked before. */
  add(
    group: GroupRow,
    actor: Account,
    accounts: readonly Account[],
    isOwn: boolean,
    { ids, wallMs, atNs }: Moment,
  ): Stored {
    const version = ids.next(wallMs);
    for (const { number } of accounts) {
      this.sql.enter.run(group.number, number, version, wallMs, isOwn ? 1 : 0);
      this.sql.dropRequest.run(group.number, number);
    }
    const members = group.member_count + BigInt(accounts.length);
    return this.finish(group, group.owner, members, {
      id: version,
      atNs,
      kind: entryKind.groupJoined,
      actor,
      accounts,
    });
  }

  /** Ends the membership of members. Of an owner who leaves, the member of longest standing inherits. */
  end(group: GroupRow, actor: Account, accounts: readonly Account[], { ids, wallMs, atNs }: Moment): Stored {
    const version = ids.next(wallMs);
    for (const { number } of accounts) this.sql.leave.run(version, group.number, number);
    let { owner } = group;
    if (accounts.some(({ number }) => number === owner)) {
      const heir = this.sql.longest.get(group.number);
      if (heir !== null) {
        this.sql.toOwner.run(heir.number);
        owner = heir.account;
      }
    }
    const isOwn = accounts.length === 1 && accounts[0]?.number === actor.number;
    const kind = isOwn ? entryKind.groupLeft : entryKind.groupRemoved;
    const members = group.member_count - BigInt(accounts.length);
    return this.finish(group, owner, members, { id: version, atNs, kind, actor, accounts });
  }

  private finish(group: GroupRow, owner: bigint, members: bigint, entry: Parameters<GroupEntries["add"]>[1]): Stored {
    const version = entry.id;
    this.sql.update.run(version, members, owner, group.number);
    const stored = this.entries.add(group, { ...entry, isQuiet: members > BigInt(quietMembersMax) });
    return { result: "stored", entries: [stored], versionBefore: group.version, version };
  }

  private countsOf(account: bigint): Counts {
    const counts = this.sql.counts.get(account) ?? this.sql.count.get(account, account);
    if (counts === null) throw new Error("an account's groups have been counted");
    return counts;
  }
}
