// Stores talks, inside the transaction of the writer: repeat, rights, the message before, the row.

import type { Database } from "bun:sqlite";
import { outcome, type Job } from "../jobs.ts";
import { nodeOfId, type IdSequence } from "../snowflake.ts";
import type { Names } from "./names.ts";

export type TalkJob = Extract<Job, readonly ["talk", ...unknown[]]>;
/** An outcome and up to four numbers that belong to it. */
export type Outcome = readonly bigint[];

const forbidden: Outcome = [outcome.forbidden];
const notFound: Outcome = [outcome.notFound];
const conflict: Outcome = [outcome.conflict];

interface RepeatRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
  readonly sent_ns: bigint;
}

export class TalkWriter {
  private readonly names: Names;
  private readonly repeat;
  private readonly group;
  private readonly isMember;
  private readonly before;
  private readonly insert;

  constructor(db: Database, names: Names) {
    this.names = names;
    this.repeat = db.prepare<RepeatRow, [bigint, string]>(
      "SELECT id, inbox, type, body, extra, sent_ns FROM message WHERE sender = ? AND client_id = ?",
    );
    this.group = db.prepare<{ version: bigint; member_count: bigint }, [bigint]>(
      `SELECT version, member_count FROM "group" WHERE number = ?`,
    );
    this.isMember = db.prepare<{ one: bigint }, [bigint, bigint]>(
      `SELECT 1 AS one FROM member WHERE "group" = ? AND account = ? AND until_id IS NULL`,
    );
    this.before = db.prepare<{ id: bigint }, [bigint, bigint]>(
      "SELECT id FROM message WHERE inbox = ? AND id < ? ORDER BY id DESC LIMIT 1",
    );
    this.insert = db.prepare<null, [bigint, bigint, bigint, number, string, string, bigint, string | null]>(
      "INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** `ownAbove`: ids up to this one were not taken by this writer, whatever their node number says. */
  write(job: TalkJob, ids: IdSequence, wallMs: number, sentNs: bigint, ownAbove: bigint): Outcome {
    const [, app, senderName, toGroup, dest, type, body, extra, clientId] = job;
    const sender = this.names.account(app, senderName);
    const group = toGroup ? this.names.findGroup(app, dest) : undefined;
    if (toGroup && group === undefined) return notFound;
    const inbox = group === undefined ? this.names.account(app, dest) : -group;
    const detail = group === undefined ? null : this.group.get(group);
    const version = detail?.version ?? 0n;

    // Before the rights: who repeats a talk that was stored is told so, though it has left the group since.
    if (clientId !== "") {
      const row = this.repeat.get(sender, clientId);
      if (row !== null) {
        const isSame = row.inbox === inbox && row.type === BigInt(type) && row.body === body && row.extra === extra;
        if (!isSame) return conflict;
        const isOwn = row.id > ownAbove && nodeOfId(row.id) === ids.node;
        const repeated = isOwn ? outcome.repeated : outcome.repeatedElsewhere;
        return [repeated, row.id, row.sent_ns, this.idBefore(inbox, row.id), version];
      }
    }
    if (group !== undefined) {
      if (detail === null || detail.member_count === 0n) return notFound;
      if (this.isMember.get(group, sender) === null) return forbidden;
    }
    const id = ids.next(wallMs);
    const previous = this.idBefore(inbox, id);
    this.insert.run(id, inbox, sender, type, body, extra, sentNs, clientId === "" ? null : clientId);
    return [outcome.stored, id, sentNs, previous, version];
  }

  private idBefore(inbox: bigint, id: bigint): bigint {
    return this.before.get(inbox, id)?.id ?? 0n;
  }
}
