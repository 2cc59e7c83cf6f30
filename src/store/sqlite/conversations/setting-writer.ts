// An account's own view of its conversations, written inside the writer's transaction: pinned, muted, hidden and
// cleared conversations, hidden messages. Each change has a version, an id of the sequence.

import { hiddenMax, pinnedMax } from "../../../base/limits/fixed.ts";
import type { HideJob, SetJob } from "../../change-jobs.ts";
import type { SettingOutcome } from "../../conversations.ts";
import { idMax } from "../../snowflake.ts";
import { isInWindow, isUnfinished } from "../member-lookups.ts";
import type { AppClips } from "../bulk/app-clips.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { Moment } from "./moment.ts";
import type { Names } from "../names.ts";

interface SettingRow {
  readonly pinned: bigint;
  readonly muted: bigint;
  readonly hidden_id: bigint;
  readonly cleared_id: bigint;
  readonly version: bigint;
}

const none: SettingRow = { pinned: 0n, muted: 0n, hidden_id: 0n, cleared_id: 0n, version: 0n };
const notFound: SettingOutcome = { result: "notFound" };

export class SettingWriter {
  private readonly names: Names;
  private readonly clips: AppClips;
  private readonly sql;

  constructor({ db, names, clips }: Pick<GroupParts, "db" | "names" | "clips">) {
    this.names = names;
    this.clips = clips;
    this.sql = {
      setting: db.prepare<SettingRow, [bigint, bigint]>(
        "SELECT pinned, muted, hidden_id, cleared_id, version FROM conversation WHERE account = ? AND other = ?",
      ),
      pinned: db.prepare<{ count: bigint }, [bigint]>(
        "SELECT count(*) AS count FROM conversation WHERE account = ? AND pinned = 1",
      ),
      save: db.prepare<null, [bigint, bigint, bigint, bigint, bigint, bigint, bigint]>(
        `INSERT OR REPLACE INTO conversation (account, other, pinned, muted, hidden_id, cleared_id, version)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
      wasMember: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM member WHERE account = ?1 AND "group" = ?2 AND NOT ${isUnfinished("?2")} LIMIT 1`,
      ),
      mayHide: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM message m WHERE m.id = ?1
         AND (m.sender = ?2 OR m.inbox = ?2 OR ${isInWindow("?2", "-m.inbox", "m.id")})
         AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.account = ?2 AND h.id = ?1)
         AND NOT EXISTS (
           SELECT 1 FROM conversation c WHERE c.account = ?2 AND c.cleared_id >= m.id
             AND c.other = CASE WHEN m.inbox < 0 OR m.sender = ?2 THEN m.inbox ELSE m.sender END)`,
      ),
      hide: db.prepare<null, [bigint, bigint, bigint]>("INSERT INTO hidden (account, id, version) VALUES (?, ?, ?)"),
      hidden: db.prepare<{ count: bigint }, [bigint]>("SELECT count(*) AS count FROM hidden WHERE account = ?"),
      hiddenBy: db.prepare<{ version: bigint }, [bigint, bigint]>(
        "SELECT version FROM hidden WHERE account = ? AND id = ?",
      ),
    };
  }

  /** Whether a direct conversation exists is not checked here: the index of pairs is the reader's. */
  set(job: SetJob, { ids, wallMs }: Moment): SettingOutcome {
    const account = this.names.findAccount(job.app, job.account);
    if (account === undefined) return notFound;
    const other = this.otherOf(job, account);
    if (other === undefined) return notFound;
    const before = this.sql.setting.get(account, other) ?? none;
    const committed = ids.last;
    const pinned = job.isPinned === undefined ? before.pinned : BigInt(job.isPinned);
    const muted = job.isMuted === undefined ? before.muted : BigInt(job.isMuted);
    const clearUpTo = job.clearUpTo === undefined ? 0n : BigInt(job.clearUpTo);
    const asked = clearUpTo < committed ? clearUpTo : committed;
    const cleared = asked > before.cleared_id ? asked : before.cleared_id;
    // It may be hidden already: it is shown again since something is newer.
    const isHiding =
      job.isHidden === true && (before.hidden_id === 0n || BigInt(job.activityId ?? "0") > before.hidden_id);
    const isShowing = job.isHidden === false && before.hidden_id !== 0n;
    const isSame =
      pinned === before.pinned && muted === before.muted && cleared === before.cleared_id && !isHiding && !isShowing;
    if (isSame) return { result: "unchanged", version: before.version };
    if (pinned > before.pinned && (this.sql.pinned.get(account)?.count ?? 0n) >= BigInt(pinnedMax))
      return { result: "full" };
    const version = ids.next(wallMs);
    const hidden = isHiding ? version : isShowing ? 0n : before.hidden_id;
    this.sql.save.run(account, other, pinned, muted, hidden, cleared, version);
    return { result: "stored", version };
  }

  hide(job: HideJob, { ids, wallMs }: Moment): SettingOutcome {
    const account = this.names.findAccount(job.app, job.account);
    if (account === undefined) return { result: "unchanged", version: 0n };
    const fresh: bigint[] = [];
    let former = 0n;
    for (const text of new Set(job.messageIds)) {
      const id = BigInt(text);
      if (id <= 0n || id > idMax) continue;
      if (id <= this.clips.of(job.app) || this.sql.mayHide.get(id, account) === null) {
        const hidden = this.sql.hiddenBy.get(account, id);
        if (hidden !== null && hidden.version > former) former = hidden.version;
        continue;
      }
      fresh.push(id);
    }
    if (fresh.length === 0) return { result: "unchanged", version: former };
    if ((this.sql.hidden.get(account)?.count ?? 0n) + BigInt(fresh.length) > BigInt(hiddenMax))
      return { result: "full" };
    const version = ids.next(wallMs);
    for (const id of fresh) this.sql.hide.run(account, id, version);
    return { result: "stored", version };
  }

  /** The partner's number, or minus the group's; undefined without such a conversation. */
  private otherOf({ app, toGroup, dest }: SetJob, account: bigint): bigint | undefined {
    if (!toGroup) return this.names.findAccount(app, dest);
    const group = this.names.findGroup(app, dest);
    return group !== undefined && this.sql.wasMember.get(account, group) !== null ? -group : undefined;
  }
}
