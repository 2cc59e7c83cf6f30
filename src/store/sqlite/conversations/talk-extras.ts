// What only some messages have: mentions, the message that they answer, files. Checked and stored inside the
// transaction that stores the message.

import { systemAccount } from "../../../auth/names.ts";
import { outcome, type JobOf } from "../../jobs.ts";
import { MediaUses } from "../media/media-writer.ts";
import type { AppClips } from "../bulk/app-clips.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { Names } from "../names.ts";
import { prepareIsMember, prepareWindow } from "../member-lookups.ts";

type TalkJob = JobOf<"talk">;

/** Whom a mention of everybody in the group names. */
export const everybody = "*";

export class TalkExtrasWriter {
  private readonly names: Names;
  private readonly clips: AppClips;
  private readonly media: MediaUses;
  private readonly sql;

  constructor({ db, names, clips }: Pick<GroupParts, "db" | "names" | "clips">) {
    this.names = names;
    this.clips = clips;
    this.media = new MediaUses(db);
    this.sql = {
      isMember: prepareIsMember(db),
      isAdmin: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM "group" g WHERE g.number = ?1 AND (g.owner = ?2 OR EXISTS (
           SELECT 1 FROM member m WHERE m."group" = ?1 AND m.account = ?2 AND m.until_id IS NULL AND m.role > 0))`,
      ),
      place: db.prepare<{ inbox: bigint; sender: bigint }, [bigint]>("SELECT inbox, sender FROM message WHERE id = ?"),
      window: prepareWindow(db),
      thread: db.prepare<{ thread: bigint | null }, [bigint]>("SELECT thread FROM message WHERE id = ?"),
      addMention: db.prepare<null, [string, bigint, bigint]>(
        "INSERT OR IGNORE INTO mention (who, inbox, id) VALUES (?, ?, ?)",
      ),
      addTo: db.prepare<null, [bigint | null, bigint | null, string | null, bigint]>(
        "UPDATE message SET reply_to = ?, thread = ?, mentions = ? WHERE id = ?",
      ),
    };
  }

  /** Returns why the message may not be stored, or undefined. `inbox`: undefined for a receiver without an account. */
  refusal(job: TalkJob, sender: bigint, inbox: bigint | undefined): bigint | undefined {
    const { mentions, replyTo, media, toGroup } = job;
    if (mentions === everybody) {
      if (!toGroup || inbox === undefined || !this.isAdmin(job, -inbox, sender)) return outcome.mentionOfAll;
    } else if (mentions?.split(",").some((name) => !this.isIn(name, job, inbox)) === true) {
      return outcome.mentionOfStranger;
    }
    if (media !== undefined && !this.media.areUsable(media, sender)) return outcome.mediaUnusable;
    if (replyTo === undefined) return undefined;
    const parent = BigInt(replyTo);
    const isAnswer = inbox !== undefined && parent > this.clips.of(job.app) && this.isAnswerable(parent, sender, inbox);
    return isAnswer ? undefined : outcome.replyElsewhere;
  }

  /** Call after the message was inserted. */
  save(id: bigint, { mentions, replyTo, media }: Pick<TalkJob, "mentions" | "replyTo" | "media">, inbox: bigint): void {
    if (media !== undefined) this.media.save(id, media);
    if (mentions === undefined && replyTo === undefined) return;
    const parent = replyTo === undefined ? null : BigInt(replyTo);
    const thread = parent === null ? null : (this.sql.thread.get(parent)?.thread ?? parent);
    this.sql.addTo.run(parent, thread, mentions ?? null, id);
    for (const name of mentions?.split(",") ?? []) this.sql.addMention.run(name, inbox, id);
  }

  private isAdmin({ sender: name }: TalkJob, group: bigint, sender: bigint): boolean {
    return name === systemAccount || this.sql.isAdmin.get(group, sender) !== null;
  }

  private isIn(name: string, { app, sender, toGroup, dest }: TalkJob, inbox: bigint | undefined): boolean {
    if (!toGroup) return name === sender || name === dest;
    const account = this.names.findAccount(app, name);
    return account !== undefined && inbox !== undefined && this.sql.isMember.get(-inbox, account) !== null;
  }

  /** Whether a message is in this conversation, and the sender may read it. */
  private isAnswerable(id: bigint, sender: bigint, inbox: bigint): boolean {
    const place = this.sql.place.get(id);
    if (place === null) return false;
    if (inbox > 0n) {
      return (place.inbox === inbox && place.sender === sender) || (place.inbox === sender && place.sender === inbox);
    }
    return place.inbox === inbox && (place.sender === sender || this.sql.window.get(sender, -inbox, id) !== null);
  }
}
