// What accounts have set, and their views of their conversations, of an import: inside the writer's transaction. How
// far they have read is kept in another file (conversations/read-file.ts): the page is answered when it is there, too.

import { pinnedMax } from "../../../base/limits/fixed.ts";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { ImportPage } from "../../data.ts";
import type { AccountRecord, ConversationRecord } from "../../data-records.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import { PeopleWriter } from "../people/people-writer.ts";
import type { ImportIds } from "./import-ids.ts";

export class ImportOwn {
  private readonly parts: GroupParts;
  private readonly ids: ImportIds;
  private readonly people: PeopleWriter;
  private readonly sql;

  /** `ids`: of the import whose page is being stored. */
  constructor(parts: GroupParts, ids: ImportIds) {
    const { db } = parts;
    this.parts = parts;
    this.ids = ids;
    this.people = new PeopleWriter(parts);
    this.sql = {
      otherPinned: db.prepare<{ count: bigint }, [bigint, bigint]>(
        "SELECT count(*) AS count FROM conversation WHERE account = ? AND pinned = 1 AND other <> ?",
      ),
      isSet: db.prepare<{ one: bigint }, [bigint, bigint]>(
        "SELECT 1 AS one FROM conversation WHERE account = ? AND other = ?",
      ),
      save: db.prepare<null, [bigint, bigint, number, number, bigint, bigint, bigint]>(
        `INSERT OR REPLACE INTO conversation (account, other, pinned, muted, hidden_id, cleared_id, version)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
    };
  }

  /** Returns why it cannot be stored. */
  account(app: string, { account, write, add, blocked }: AccountRecord, moment: Moment): string | undefined {
    this.people.write({ call: "consent", app, account, write, add }, moment);
    return this.people.blockAll(app, account, blocked, moment)
      ? undefined
      : `account.blocked: ${account} would block more accounts than an account may`;
  }

  /** The same. A later record of the same conversation takes its place. */
  conversation(app: string, record: ConversationRecord, { ids, wallMs }: Moment): string | undefined {
    const { account, group, pinned = false, muted = false, hidden = false, clearedTo } = record;
    const me = this.parts.names.account(app, account);
    const other = this.otherOf(app, record);
    if (other === undefined) return `conversation.group ${group} has no record before it`;
    const cleared = this.newOf(clearedTo) ?? 0n;
    const isSet = pinned || muted || hidden || cleared > 0n;
    if (!isSet && this.sql.isSet.get(me, other) === null) return undefined;
    if (pinned && (this.sql.otherPinned.get(me, other)?.count ?? 0n) >= BigInt(pinnedMax))
      return `conversation.pinned: ${account} has pinned ${pinnedMax} others, and more may not be`;
    const version = ids.next(wallMs);
    this.sql.save.run(me, other, Number(pinned), Number(muted), hidden ? version : 0n, cleared, version);
    return undefined;
  }

  /** The former ids of messages that accounts have read, by the records of a page. */
  readIn({ records }: ImportPage): bigint[] {
    return records.flatMap(({ conversation: { readTo } = {} }) => (readTo === undefined ? [] : [BigInt(readTo)]));
  }

  /** How far accounts have read, by the records of a page. */
  readsOf({ app, records }: ImportPage): ReadMarkJob[] {
    return records.flatMap(({ conversation }) => {
      const id = this.newOf(conversation?.readTo);
      if (conversation === undefined || id === undefined) return [];
      const { account, peer = "", group } = conversation;
      return [{ app, account, toGroup: group !== undefined, dest: group ?? peer, messageId: `${id}` }];
    });
  }

  /** The partner's number, or minus the group's; undefined without such a group. */
  private otherOf(app: string, { peer = "", group }: ConversationRecord): bigint | undefined {
    if (group === undefined) return this.parts.names.account(app, peer);
    const number = this.parts.names.findGroup(app, group);
    return number && -number;
  }

  /** The id of a message here; undefined for one that the import has not brought. */
  private newOf(former: string | undefined): bigint | undefined {
    return former === undefined ? undefined : this.ids.newOf(BigInt(former));
  }
}
