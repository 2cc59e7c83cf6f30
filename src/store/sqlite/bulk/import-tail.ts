// Pinned messages, invitations and requests to join, of an import: inside the writer's transaction. A later record of
// the same one takes its place. What has ended meanwhile is passed over.

import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import type { InvitationRecord, JoinRequestRecord, PinRecord } from "../../data-records.ts";
import type { Moment } from "../conversations/moment.ts";
import { messageState } from "../conversations/tables.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import { secondsOf } from "../groups/group-rows.ts";
import { importedCode } from "../groups/invitations.ts";
import { requestsGoneAt } from "../groups/join-requests.ts";
import { pinKey } from "../groups/pins.ts";
import type { ImportIds } from "./import-ids.ts";

interface MessageRow {
  readonly inbox: bigint;
  readonly sender: bigint;
}
interface Count {
  readonly count: bigint;
}

export class ImportTail {
  private readonly parts: GroupParts;
  private readonly ids: ImportIds;
  private readonly sql;

  /** `ids`: of the import whose page is being stored. */
  constructor(parts: GroupParts, ids: ImportIds) {
    const { db } = parts;
    this.parts = parts;
    this.ids = ids;
    this.sql = {
      message: db.prepare<MessageRow, [bigint]>(
        `SELECT inbox, sender FROM message WHERE id = ? AND ifnull(state, 0) & ${messageState.recalled} = 0`,
      ),
      unpin: db.prepare<null, [bigint]>("DELETE FROM pin WHERE message = ?"),
      pin: db.prepare<null, [bigint, bigint, bigint, bigint, bigint]>(
        "INSERT INTO pin (first, other, message, entry, account) VALUES (?, ?, ?, ?, ?)",
      ),
      unpinOldest: db.prepare<null, [bigint, bigint, number]>(
        `DELETE FROM pin WHERE number IN (
           SELECT number FROM pin WHERE first = ? AND other = ? ORDER BY entry DESC LIMIT -1 OFFSET ?)`,
      ),
      revoke: db.prepare<null, [string]>("DELETE FROM invitation WHERE code = ?"),
      invitations: db.prepare<Count, [bigint]>(`SELECT count(*) AS count FROM invitation WHERE "group" = ?`),
      invite: db.prepare<null, [string, string, bigint, bigint, number, number]>(
        `INSERT INTO invitation (app, code, "group", maker, expires_s, uses_left) VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      withdraw: db.prepare<null, [bigint, bigint]>(`DELETE FROM join_request WHERE "group" = ? AND account = ?`),
      requestsTo: db.prepare<Count, [bigint]>(`SELECT count(*) AS count FROM join_request WHERE "group" = ?`),
      requestsOf: db.prepare<Count, [bigint]>("SELECT count(*) AS count FROM join_request WHERE account = ?"),
      request: db.prepare<null, [bigint, bigint, string, number]>(
        `INSERT INTO join_request ("group", account, text, at_s) VALUES (?, ?, ?, ?)`,
      ),
    };
  }

  /**
   * Passes over a message that the import has not brought, and a recalled one. The newest pins of a conversation stay:
   * an export that was gone on with has those of both times.
   */
  pin(app: string, { account, messageId }: PinRecord, { ids, wallMs }: Moment): undefined {
    const id = this.ids.newOf(BigInt(messageId));
    const message = id === undefined ? null : this.sql.message.get(id);
    if (id === undefined || message === null) return;
    const { inbox, sender } = message;
    this.sql.unpin.run(id);
    const key = pinKey(sender, inbox);
    const by = account === "" ? sender : this.parts.names.account(app, account);
    this.sql.pin.run(...key, id, ids.next(wallMs), by);
    this.sql.unpinOldest.run(...key, pinnedMessagesMax);
  }

  /** Returns why it cannot be stored. Passes over one that has expired. */
  invitation(app: string, record: InvitationRecord, { wallMs }: Moment): string | undefined {
    const { names, bounds } = this.parts;
    const group = names.findGroup(app, record.group);
    if (group === undefined) return `invitation.group ${record.group} has no record before it`;
    if (BigInt(record.expiresAt) <= secondsOf(wallMs)) return undefined;
    const code = importedCode(record.code, app);
    this.sql.revoke.run(code);
    if ((this.sql.invitations.get(group)?.count ?? 0n) >= BigInt(bounds.invitationsPerGroup))
      return `invitation.group ${record.group} would have more invitations than ${bounds.invitationsPerGroup}`;
    const { account, expiresAt, usesLeft } = record;
    this.sql.invite.run(app, code, group, names.account(app, account), expiresAt, usesLeft === 0 ? -1 : usesLeft);
    return undefined;
  }

  /** The same. Passes over one that is too old, and over that of a member. */
  joinRequest(app: string, record: JoinRequestRecord, { wallMs }: Moment): string | undefined {
    const { names, rows, bounds } = this.parts;
    const group = names.findGroup(app, record.group);
    if (group === undefined) return `joinRequest.group ${record.group} has no record before it`;
    const now = secondsOf(wallMs);
    if (BigInt(record.time) > now) return `joinRequest.time ${record.time} is in the future: it is ${now} now`;
    if (BigInt(record.time) <= requestsGoneAt(now)) return undefined;
    const account = names.account(app, record.account);
    if (rows.member(group, account) !== null) return undefined;
    this.sql.withdraw.run(group, account);
    if ((this.sql.requestsTo.get(group)?.count ?? 0n) >= BigInt(bounds.joinRequestsPerGroup))
      return `joinRequest.group ${record.group} would have more requests than ${bounds.joinRequestsPerGroup}`;
    if ((this.sql.requestsOf.get(account)?.count ?? 0n) >= BigInt(bounds.joinRequestsPerAccount))
      return `joinRequest.account ${record.account} would have more requests than ${bounds.joinRequestsPerAccount}`;
    this.sql.request.run(group, account, record.text, record.time);
    return undefined;
  }
}
