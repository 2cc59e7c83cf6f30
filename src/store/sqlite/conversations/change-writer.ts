// Changes of messages: edits, recalls, reactions. Decides the rights (store/rights.ts) and writes the entry inside the
// writer's transaction. An edit or a recall overwrites the text in the message's own row; with SQLite's secure_delete,
// which the writer sets for the transaction, the former text is gone from the file's pages.

import { reactionKindsMax } from "../../../base/limits/fixed.ts";
import type { MessageChangeJob } from "../../change-jobs.ts";
import { type ChangeOutcome, entryKind } from "../../conversations.ts";
import type { Standing } from "../../group-rights.ts";
import { rightTo } from "../../rights.ts";
import { idMax } from "../../snowflake.ts";
import { erasedClientId } from "../client-ids.ts";
import { messageState } from "./tables.ts";
import type { EntryIds } from "./entry-ids.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import { type GroupRow, secondsOf } from "../groups/group-rows.ts";
import { prepareWindow } from "../member-lookups.ts";
import type { Moment } from "./moment.ts";
import { TextEraser } from "./text-eraser.ts";

/** Who may recall what others have sent to a group. */
const adminStandings: ReadonlySet<Standing> = new Set(["admin", "owner", "system"]);

interface MessageRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sent_ns: bigint;
  readonly state: bigint | null;
}
interface EntryRow {
  readonly id: bigint;
  readonly at_ns: bigint;
}

const nsPerMs = 1_000_000n;
/**
 * The newest entries of a message among which the one is searched that made, or took back, a reaction: few, because
 * repeating it is free of charge.
 */
const entriesSearched = 64;
const notFound: ChangeOutcome = { result: "notFound" };

export class ChangeWriter {
  private readonly parts: GroupParts;
  private readonly entryIds: EntryIds;
  private readonly eraser: TextEraser;
  private readonly sql;

  constructor(parts: GroupParts, entryIds: EntryIds) {
    this.parts = parts;
    this.entryIds = entryIds;
    const { db } = parts;
    this.eraser = new TextEraser(db);
    this.sql = {
      message: db.prepare<MessageRow, [bigint]>("SELECT inbox, sender, sent_ns, state FROM message WHERE id = ?"),
      window: prepareWindow(db),
      addEntry: db.prepare<null, [bigint, number, bigint, bigint, bigint, bigint, string | null, string, number]>(
        `INSERT INTO entry (id, kind, inbox, actor, refers, at_ns, client_id, reaction, is_off)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      editOf: db.prepare<EntryRow, [bigint, bigint, string]>(
        `SELECT id, at_ns FROM entry
         WHERE refers = ? AND actor = ? AND client_id = ? AND kind = ${entryKind.edited} LIMIT 1`,
      ),
      // Nothing is done about a message after its recall.
      recallOf: db.prepare<EntryRow, [bigint]>(
        `SELECT id, at_ns FROM (
           SELECT id, at_ns, kind FROM entry WHERE refers = ? AND refers > 0 ORDER BY id DESC LIMIT 1)
         WHERE kind = ${entryKind.recalled}`,
      ),
      overwrite: db.prepare<null, [string, string, number, bigint]>(
        "UPDATE message SET body = ?, extra = ?, state = ifnull(state, 0) | ? WHERE id = ?",
      ),
      hasReaction: db.prepare<{ one: bigint }, [bigint, string, bigint]>(
        "SELECT 1 AS one FROM reaction WHERE message = ? AND reaction = ? AND account = ?",
      ),
      isKind: db.prepare<{ one: bigint }, [bigint, string]>(
        "SELECT 1 AS one FROM reaction WHERE message = ? AND reaction = ? LIMIT 1",
      ),
      reactionOf: db.prepare<EntryRow, [bigint, bigint, string]>(
        `SELECT id, at_ns FROM (
           SELECT id, at_ns, kind, actor, reaction FROM entry WHERE refers = ? AND refers > 0
           ORDER BY id DESC LIMIT ${entriesSearched})
         WHERE kind = ${entryKind.reacted} AND actor = +? AND reaction = +? ORDER BY id DESC LIMIT 1`,
      ),
      // Each step finds the next kind by the key, however many accounts have given the one before.
      kinds: db.prepare<{ count: bigint }, [bigint]>(
        `WITH RECURSIVE kind (reaction) AS (
           SELECT min(reaction) FROM reaction WHERE message = +?1
           UNION ALL
           SELECT (SELECT min(r.reaction) FROM reaction r WHERE r.message = +?1 AND r.reaction > kind.reaction)
           FROM kind WHERE kind.reaction IS NOT NULL
           LIMIT ${reactionKindsMax + 1}
         ) SELECT count(reaction) AS count FROM kind`,
      ),
      addReaction: db.prepare<null, [bigint, string, bigint]>(
        "INSERT INTO reaction (message, reaction, account) VALUES (?, ?, ?)",
      ),
      dropReaction: db.prepare<null, [bigint, string, bigint]>(
        "DELETE FROM reaction WHERE message = ? AND reaction = ? AND account = ?",
      ),
      mark: db.prepare<null, [bigint]>(
        `UPDATE message SET state = ifnull(state, 0) | ${messageState.hasReactions} WHERE id = ?`,
      ),
    };
  }

  write(job: MessageChangeJob, moment: Moment): ChangeOutcome {
    const messageId = BigInt(job.messageId);
    const { names, rows, guards } = this.parts;
    const actor = names.findAccount(job.app, job.actor);
    if (actor === undefined || messageId <= 0n || messageId > idMax) return notFound;
    const row = this.sql.message.get(messageId);
    if (row === null || messageId <= this.parts.clips.of(job.app)) return notFound;
    const state = Number(row.state ?? 0n);
    const isRecalled = (state & messageState.recalled) !== 0;
    if (job.kind === "edit" && job.clientId !== "") {
      const { clientId } = job;
      const stored = isRecalled ? erasedClientId(actor, clientId) : clientId;
      const earlier = this.sql.editOf.get(messageId, actor, stored);
      if (earlier !== null) return { result: "unchanged", entryId: earlier.id, time: earlier.at_ns };
    }
    const group = row.inbox < 0n ? rows.byNumber(-row.inbox) : null;
    const standing = group === null ? "stranger" : rows.standing(group, actor);
    const windowNs = job.kind === "react" ? 0n : BigInt(job.windowMs) * nsPerMs;
    const isOwn = row.sender === actor || row.inbox === actor;
    const right = rightTo(job.kind, {
      isAuthor: row.sender === actor,
      mayRead: isOwn || (row.inbox < 0n && this.sql.window.get(actor, -row.inbox, messageId) !== null),
      // Who has a message in common has a conversation. A message of others must not make one: guards remember it.
      mayTalk:
        group === null
          ? isOwn && guards.mayReach(actor, row.sender === actor ? row.inbox : row.sender, "write", true) === true
          : rows.talkRight(group, actor, secondsOf(moment.wallMs)) === "allowed",
      isAdmin: group !== null && group.member_count > 0n && adminStandings.has(standing),
      isRecalled,
      isRecent: windowNs > 0n && moment.atNs - row.sent_ns <= windowNs,
    });
    if (right === "unchanged") {
      const earlier = this.sql.recallOf.get(messageId);
      return { result: "unchanged", entryId: earlier?.id ?? 0n, time: earlier?.at_ns ?? 0n };
    }
    if (right !== "allowed") return { result: right };
    return this.apply(job, messageId, actor, row, group, moment);
  }

  private apply(
    job: MessageChangeJob,
    messageId: bigint,
    actor: bigint,
    row: MessageRow,
    group: GroupRow | null,
    moment: Moment,
  ): ChangeOutcome {
    let clientId: string | null = null;
    let reaction = "";
    let isOff = false;
    switch (job.kind) {
      case "edit":
        this.sql.overwrite.run(job.body, job.extra, messageState.edited, messageId);
        clientId = job.clientId === "" ? null : job.clientId;
        break;
      case "recall":
        this.eraser.recall(messageId);
        break;
      case "react":
        ({ reaction, isOff } = job);
        if ((this.sql.hasReaction.get(messageId, reaction, actor) !== null) !== isOff) {
          const earlier = this.sql.reactionOf.get(messageId, actor, reaction);
          return { result: "unchanged", entryId: earlier?.id ?? 0n, time: earlier?.at_ns ?? 0n };
        }
        if (isOff) this.sql.dropReaction.run(messageId, reaction, actor);
        else {
          const isNew = this.sql.isKind.get(messageId, reaction) === null;
          if (isNew && (this.sql.kinds.get(messageId)?.count ?? 0n) >= BigInt(reactionKindsMax))
            return { result: "full" };
          this.sql.addReaction.run(messageId, reaction, actor);
          this.sql.mark.run(messageId);
        }
        break;
    }
    const kind = { edit: entryKind.edited, recall: entryKind.recalled, react: entryKind.reacted }[job.kind];
    const inbox = group !== null || row.sender === actor ? row.inbox : row.sender;
    const entryId = moment.ids.next(moment.wallMs);
    const previousEntryId = this.entryIds.newestIn(inbox);
    this.sql.addEntry.run(entryId, kind, inbox, actor, messageId, moment.atNs, clientId, reaction, Number(isOff));
    this.entryIds.add(inbox, entryId);
    const account = group === null ? this.parts.rows.nameOf(inbox) : "";
    return {
      result: "stored",
      entry: {
        entryId,
        kind,
        refersTo: messageId,
        actor: job.actor,
        time: moment.atNs,
        account,
        group: group?.id ?? "",
        reaction,
        isOff,
      },
      previousEntryId,
      groupVersion: group?.version ?? 0n,
    };
  }
}
