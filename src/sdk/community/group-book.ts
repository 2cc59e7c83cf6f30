// What is known of this account's groups: the list, and what was read of single ones. Entries of the log change both:
// at once where they say what is new, else the group is read again.

import { Command } from "../../wire/commands.ts";
import { GroupGetReq } from "../../wire/gen/messages/group-get-req.ts";
import { GroupGetResp } from "../../wire/gen/messages/group-get-resp.ts";
import { Status } from "../../wire/gen/messages/status.ts";
import type { Ask } from "../ask.ts";
import { dropOldest } from "../bounded.ts";
import { Disconnected, RequestRefused } from "../client-errors.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { GroupChange, GroupDetail, GroupFacts, GroupField, GroupState } from "./community-types.ts";
import { GroupList } from "./group-list.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { detailOf } from "./wire-values.ts";

/** The bound on details that are kept; those that were not asked for the longest are forgotten. */
const detailsMax = 200;
/** The bound on groups whose newest entry is remembered. */
const newestMax = 4_000;
/** The members of a large group read it again within this time, in milliseconds, not all at once. */
const spreadMsMax = 5_000;
/** What the list shows of a group. */
const listed: ReadonlySet<GroupField> = new Set<GroupField>(["name", "avatar", "isMuted"]);

export class GroupBook {
  readonly list: GroupList;
  private readonly owner: CommunityOwner;
  private readonly notes: OnceATurn<string>;
  /** Those that were asked for last are last. */
  private readonly details = new Map<string, GroupDetail>();
  /** Details that are being asked for. */
  private readonly asked = new Map<string, Promise<GroupDetail>>();
  /** Groups to be read again. */
  private readonly stale = new Set<string>();
  /** The entries by which this device has set its name in groups. */
  private readonly aliasEntries = new Map<string, bigint>();
  /** The newest entry of each group that has changed: pushes may cross. */
  private readonly newest = new Map<string, bigint>();
  private isOnline = false;
  private isRefreshing = false;
  /** The group that is being read again: what is kept of it is old. */
  private refreshing: string | undefined;

  constructor(owner: CommunityOwner) {
    this.owner = owner;
    this.notes = new OnceATurn(owner.environment, (groups) => void owner.notices.emit("groupsChanged", { groups }));
    this.list = new GroupList(
      owner,
      (id) => this.notes.add(id),
      () => this.refresh(),
    );
  }

  /** What is kept, or else what the server says. */
  detail(id: string): Promise<GroupDetail> {
    const kept = this.details.get(id);
    if (kept === undefined || this.stale.has(id) || this.refreshing === id)
      return this.asked.get(id) ?? this.askOnce(id);
    this.keep(kept);
    return Promise.resolve(kept);
  }

  online(): void {
    this.isOnline = true;
    this.list.online();
    this.refresh();
  }

  /** `ending`: for good. */
  offline(ending?: Error): void {
    this.isOnline = false;
    this.list.offline(ending);
  }

  /** What has happened is not known, and if a backup was restored, ids begin anew. */
  jumped(): void {
    this.newest.clear();
    this.aliasEntries.clear();
    for (const id of this.details.keys()) this.stale.add(id);
    this.list.readAgain();
    this.refresh();
  }

  /** This device has changed something, and knows what it is; `aliasEntryId`: its name in the group, by this entry. */
  changed(id: string, facts: Partial<GroupState>, aliasEntryId?: bigint): void {
    const { alias: _, ...others } = facts;
    const detail = this.details.get(id);
    if (detail !== undefined) this.details.set(id, { ...detail, ...others });
    this.list.change(id, facts);
    this.notes.add(id);
    if (aliasEntryId === undefined) return;
    this.aliasEntries.set(id, aliasEntryId);
    dropOldest(this.aliasEntries, detailsMax);
  }

  /** What is kept of a group is not what the server has any more. */
  spoil(id: string): void {
    if (this.details.has(id)) this.reread(id, 0);
  }

  /** This account is no member, or the group was dismissed. */
  remove(id: string): void {
    this.stale.delete(id);
    if (this.details.delete(id)) this.notes.add(id);
    this.list.remove(id);
  }

  entry(change: GroupChange): void {
    const { group: id, kind, accounts, count } = change;
    const known = this.list.get(id) ?? this.details.get(id);
    const isMine = accounts.includes(this.owner.account());
    // Of more accounts than an entry names, this one may be one.
    const isPerhapsMine = isMine || count > accounts.length;
    const isLate = change.entryId < (this.newest.get(id) ?? 0n);
    if (!isLate) this.newest.set(id, change.entryId);
    dropOldest(this.newest, newestMax);
    const isBeingRead = this.list.isReading || this.asked.has(id) || this.refreshing === id;
    if (known === undefined) {
      if ((kind === "created" || kind === "joined") && isPerhapsMine && this.list.isReady) this.reread(id, 0);
    } else if (kind === "dismissed" || ((kind === "left" || kind === "removed") && isMine)) this.remove(id);
    else this.happened(change, known, isMine, isPerhapsMine);
    // What is being read may not have it, and a later change may have come before it. A group that was removed, too:
    // the answer puts it back.
    if (isBeingRead || (isLate && known !== undefined)) this.reread(id, 0);
  }

  private happened(change: GroupChange, known: GroupFacts, isMine: boolean, isPerhapsMine: boolean): void {
    const { group: id, kind, actor, accounts, count, role, until: mutedUntil } = change;
    const { memberCount } = known;
    // Its entry comes after the answer to the request: what was read in between has counted it.
    const isOwn = actor === this.owner.account();
    switch (kind) {
      case "joined":
        // If it has joined itself, it was counted when the group was read.
        if (isMine) return;
        if (isOwn) return this.reread(id, 0);
        return this.changed(id, { memberCount: memberCount + count });
      case "left":
      case "removed":
        if (isOwn) return this.reread(id, 0);
        this.changed(id, { memberCount: Math.max(memberCount - count, 0) });
        // Who inherits, or whether this account is still a member, the group says.
        return isPerhapsMine || accounts.includes(known.owner) ? this.reread(id, memberCount) : undefined;
      case "role":
        if (!isMine) return;
        this.changed(id, { role });
        return this.spoil(id);
      case "muted":
        return isMine ? this.changed(id, { mutedUntil }) : undefined;
      case "transferred": {
        const [owner = ""] = accounts;
        this.changed(id, { owner, ...(isMine ? { role: "owner" } : isOwn ? { role: "admin" } : {}) });
        return isMine ? this.spoil(id) : undefined;
      }
      case "alias":
        // What it is now, the list alone says.
        return isMine && change.entryId > (this.aliasEntries.get(id) ?? 0n) ? this.list.readAgain() : undefined;
      case "updated":
      case "settings":
        if (this.details.has(id) || change.fields.some((field) => listed.has(field))) this.reread(id, memberCount);
        return;
      default:
    }
  }

  /** Reads a group again soon; the members of a large one do not all at once. */
  private reread(id: string, members: number): void {
    const { environment } = this.owner;
    this.stale.add(id);
    environment.after(environment.random() * Math.min(spreadMsMax, members), () => this.refresh());
  }

  /** Reads what is to be read again, one group after the other. */
  private refresh(): void {
    if (this.isRefreshing || this.list.isReading || !this.isOnline || this.stale.size === 0) return;
    this.isRefreshing = true;
    void this.refreshAll();
  }

  private async refreshAll(): Promise<void> {
    for (const id of this.stale) {
      this.stale.delete(id);
      this.refreshing = id;
      // Its answer is older than what is asked for now.
      await this.asked.get(id)?.catch(() => undefined);
      try {
        this.take(await this.ask(this.owner.patientAsk, id), this.details.has(id));
      } catch (error) {
        if (error instanceof Disconnected) {
          // The next sign-in reads it.
          this.stale.add(id);
          break;
        }
        this.refused(id, error);
      }
    }
    this.refreshing = undefined;
    this.isRefreshing = false;
  }

  private askOnce(id: string): Promise<GroupDetail> {
    this.stale.delete(id);
    const asked = this.ask(this.owner.ask, id)
      .then(
        (detail) => this.take(detail, true),
        (error: unknown) => {
          this.refused(id, error);
          throw error;
        },
      )
      .finally(() => this.asked.delete(id));
    this.asked.set(id, asked);
    return asked;
  }

  private async ask(ask: Ask, groupId: string): Promise<GroupDetail> {
    return detailOf(await ask(Command.GroupDetail, GroupGetReq, { groupId, withoutMembers: true }, GroupGetResp));
  }

  private take(detail: GroupDetail, isKept: boolean): GroupDetail {
    const { id, name, avatar, owner, memberCount, role, mutedUntil, isMuted } = detail;
    if (isKept) this.keep(detail);
    this.list.put({ id, name, avatar, owner, memberCount, role, mutedUntil, isMuted });
    this.notes.add(id);
    return detail;
  }

  /** The next call of `detail` asks; a group that is no more, or not this account's, is not in the list. */
  private refused(id: string, error: unknown): void {
    const gone: readonly Status[] = [Status.Forbidden, Status.NotFound];
    if (error instanceof RequestRefused && gone.includes(error.status)) this.remove(id);
    else this.details.delete(id);
  }

  private keep(detail: GroupDetail): void {
    this.details.delete(detail.id);
    this.details.set(detail.id, detail);
    dropOldest(this.details, detailsMax);
  }
}
