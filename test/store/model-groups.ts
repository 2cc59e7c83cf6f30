// Groups, what their members are and the windows of time in which they were members, as plain maps; without the bounds
// on groups of an account, which group-model.ts has.

import { groupAdminsMax } from "../../src/base/limits/fixed.ts";
import type { GroupChange, JoinRequest, OfGroup } from "../../src/store/groups.ts";
import type { GroupDraft, MembershipChange } from "../../src/store/store.ts";
import { isAbove, mayDo, type ModelAction, type ModelStanding } from "./model-rights.ts";

/** An invitation; `usesLeft`: -1 for any number, 0 if it is used up. */
export interface ModelInvitation {
  readonly maker: string;
  readonly expiresAt: bigint;
  usesLeft: number;
}

export interface ModelGroup {
  owner: string;
  version: bigint;
  isDismissed: boolean;
  /** In the order of joining; nobody once it has ended. */
  readonly members: Set<string>;
  readonly windows: Map<string, { readonly from: bigint; until: bigint }[]>;
  readonly admins: Set<string>;
  /** Until when, in seconds since 1970: also of those who have left. */
  readonly mutes: Map<string, bigint>;
  readonly aliases: Map<string, string>;
  readonly texts: { name: string; avatar: string; introduction: string; announcement: string };
  readonly flags: { isClosed: boolean; hasApproval: boolean; isForAdmins: boolean };
  /** By code, the oldest first. */
  readonly invitations: Map<string, ModelInvitation>;
  /** By account. */
  readonly requests: Map<string, Omit<JoinRequest, "account">>;
}

/** No id is greater. */
export const endId: bigint = 2n ** 63n - 1n;

/** Whether one account lets another add it to groups, and whether it blocks it. */
export interface ModelConsent {
  mayAdd(actor: string, target: string): boolean;
  isBlocked(account: string, other: string): boolean;
}

export function nowSeconds(): bigint {
  return BigInt(Math.floor(Date.now() / 1_000));
}

/** Groups by their ids with `@` before them, in the order in which they were made. */
export class ModelGroups {
  private readonly groups = new Map<string, ModelGroup>();
  private readonly consent: ModelConsent;
  private readonly membersMax: number;

  constructor(consent: ModelConsent, membersMax: number) {
    this.consent = consent;
    this.membersMax = membersMax;
  }

  get names(): string[] {
    return [...this.groups.keys()];
  }

  get(name: string): ModelGroup | undefined {
    return this.groups.get(name);
  }

  /** Of a group that is there. */
  of({ group }: Pick<OfGroup, "group">): ModelGroup {
    const found = this.groups.get(`@${group}`);
    if (found === undefined) throw new Error(`there is no group ${group}`);
    return found;
  }

  /** `members`: without those that were left out. */
  create({ id, owner, name, avatar, introduction, closed }: GroupDraft, members: readonly string[], version: bigint) {
    const windows = new Map(members.map((account) => [account, [{ from: version, until: endId }]]));
    this.groups.set(`@${id}`, {
      owner,
      version,
      isDismissed: false,
      members: new Set(members),
      windows,
      admins: new Set(),
      mutes: new Map(),
      aliases: new Map(),
      texts: { name, avatar, introduction, announcement: "" },
      flags: { isClosed: closed, hasApproval: false, isForAdmins: false },
      invitations: new Map(),
      requests: new Map(),
    });
  }

  standing(group: ModelGroup, account: string): ModelStanding {
    if (account === group.owner) return "owner";
    if (!group.members.has(account)) return "stranger";
    return group.admins.has(account) ? "admin" : "member";
  }

  isMuted(group: ModelGroup, account: string): boolean {
    return (group.mutes.get(account) ?? 0n) > nowSeconds();
  }

  /** Why an account may not do this in a group; undefined: it may. */
  refusal(
    action: ModelAction,
    { group: id, actor }: Pick<OfGroup, "group" | "actor">,
  ): "notFound" | "forbidden" | undefined {
    const group = this.groups.get(`@${id}`);
    if (group === undefined || group.members.size === 0) return "notFound";
    return mayDo(action, this.standing(group, actor)) ? undefined : "forbidden";
  }

  /** Why an account may not talk; undefined: it may. */
  talkRefusal(name: string, account: string): "notFound" | "forbidden" | "muted" | "forAdmins" | undefined {
    const refusal = this.refusal("talk", { group: name.slice(1), actor: account });
    const group = this.groups.get(name);
    if (refusal !== undefined || group === undefined) return refusal;
    if (this.isMuted(group, account)) return "muted";
    return group.flags.isForAdmins && !mayDo("update", this.standing(group, account)) ? "forAdmins" : undefined;
  }

  /** What a join or quit is answered with that changes nothing. */
  membershipRefusal(kind: "join" | "quit", change: MembershipChange): string | undefined {
    const { group: id, actor, account } = change;
    const group = this.groups.get(`@${id}`);
    if (group === undefined) return "notFound";
    const hasLeft = actor === account && this.hasLeft(group, account);
    if (group.members.size === 0) return kind === "quit" && hasLeft ? "unchanged" : "notFound";
    const isMember = group.members.has(account);
    if (actor !== account) {
      if (!mayDo("add", this.standing(group, actor))) return "forbidden";
      if (kind === "join") return isMember ? "unchanged" : this.addRefusal(group, actor, account);
      if (!isMember) return "unchanged";
      return isAbove(this.standing(group, actor), this.standing(group, account)) ? undefined : "forbidden";
    }
    if (kind === "quit") return isMember ? undefined : hasLeft ? "unchanged" : "forbidden";
    if (isMember) return "unchanged";
    return this.joinRefusal(group) ?? (this.hasRoom(group, 1) ? undefined : "full");
  }

  /** Why the accounts of a slice may not be removed by the actor, or which of them are. */
  removed(group: ModelGroup, actor: string, accounts: readonly string[]): readonly string[] | "forbidden" {
    const standing = this.standing(group, actor);
    if (!mayDo("add", standing)) return "forbidden";
    const members = accounts.filter((account) => group.members.has(account));
    return members.every((account) => isAbove(standing, this.standing(group, account))) ? members : "forbidden";
  }

  /** What a change is refused with, or whether it is in force already. */
  changeRefusal(change: GroupChange): string | undefined {
    const group = this.groups.get(`@${change.group}`);
    if (group === undefined) return "notFound";
    const standing = this.standing(group, change.actor);
    if (change.kind === "dismiss" && group.members.size === 0 && standing === "owner") return "unchanged";
    if (group.members.size === 0) return "notFound";
    const mine = mayDo("see", standing);
    switch (change.kind) {
      case "update":
      case "alias":
      case "dismiss":
        return mayDo(change.kind, standing) ? undefined : "forbidden";
      case "role":
        if (standing !== "owner" || change.account === change.actor) return "forbidden";
        break;
      case "transfer":
        if (mine && change.account === group.owner) return "unchanged";
        if (standing !== "owner") return "forbidden";
        break;
      case "mute":
        if (!mayDo("update", standing)) return "forbidden";
        break;
    }
    if (!group.members.has(change.account)) return "noMember";
    if (change.kind === "mute")
      return isAbove(standing, this.standing(group, change.account)) ? undefined : "forbidden";
    const isBlocked = change.kind === "transfer" && this.consent.isBlocked(change.account, change.actor);
    return isBlocked ? "unwilling" : undefined;
  }

  /** Whether so many more fit in. */
  hasRoom(group: ModelGroup, more: number): boolean {
    return group.members.size + more <= this.membersMax;
  }

  hasRoomForAdmin(group: ModelGroup): boolean {
    return group.admins.size < groupAdminsMax;
  }

  /** Returns the version before. */
  enter(group: ModelGroup, accounts: readonly string[], version: bigint): bigint {
    const before = group.version;
    group.version = version;
    for (const account of accounts) {
      group.members.add(account);
      group.windows.getOrInsertComputed(account, () => []).push({ from: version, until: endId });
      group.requests.delete(account);
    }
    return before;
  }

  /** Returns the version before. */
  leave(group: ModelGroup, accounts: readonly string[], version: bigint): bigint {
    const before = group.version;
    group.version = version;
    for (const account of accounts) {
      group.members.delete(account);
      group.admins.delete(account);
      group.aliases.delete(account);
      const window = group.windows.get(account)?.at(-1);
      if (window !== undefined) window.until = version;
    }
    if (accounts.includes(group.owner)) {
      this.own(group, group.members.values().next().value ?? group.owner);
    }
    return before;
  }

  /** Makes an account the owner, who is neither an admin nor muted. */
  own(group: ModelGroup, account: string): void {
    group.owner = account;
    group.admins.delete(account);
    group.mutes.delete(account);
  }

  /** Ends the membership of all. */
  dismiss(group: ModelGroup, version: bigint): void {
    const { owner } = group;
    this.leave(group, [...group.members], version);
    group.owner = owner;
    group.isDismissed = true;
  }

  /** Whether it has not ended; it may be used up. */
  isInForce(group: ModelGroup, { maker, expiresAt }: ModelInvitation): boolean {
    return group.members.size > 0 && expiresAt > nowSeconds() && mayDo("invite", this.standing(group, maker));
  }

  /** The invitation of a code that has not ended. */
  invitation(
    code: string,
  ): { readonly id: string; readonly group: ModelGroup; readonly its: ModelInvitation } | undefined {
    for (const [name, group] of this.groups) {
      const its = group.invitations.get(code);
      if (its !== undefined && this.isInForce(group, its)) return { id: name.slice(1), group, its };
    }
    return undefined;
  }

  /** How many requests of an account stand. */
  requestsOf(account: string): number {
    return this.groups
      .values()
      .filter(({ requests, members }) => members.size > 0 && requests.has(account))
      .toArray().length;
  }

  /** Why a request to join is refused; `unchanged` for a member. */
  requestRefusal({ group: id, actor }: OfGroup): string | undefined {
    const group = this.groups.get(`@${id}`);
    if (group === undefined || group.members.size === 0) return "notFound";
    if (group.members.has(actor)) return "unchanged";
    const refusal = this.joinRefusal(group);
    return refusal === "approval" ? undefined : (refusal ?? "noApproval");
  }

  /** Whether a message with this id is for the account. */
  isInWindow(account: string, name: string, id: bigint): boolean {
    const windows = this.groups.get(name)?.windows.get(account) ?? [];
    return windows.some(({ from, until }) => from < id && id < until);
  }

  /** Whether an entry with this id is: that by which one joined or left, too. */
  isInClosedWindow(account: string, name: string, id: bigint): boolean {
    const windows = this.groups.get(name)?.windows.get(account) ?? [];
    return windows.some(({ from, until }) => from <= id && id <= until);
  }

  private hasLeft(group: ModelGroup, account: string): boolean {
    return group.windows.get(account)?.some(({ until }) => until < endId) === true;
  }

  private joinRefusal({ flags }: ModelGroup): "closed" | "approval" | undefined {
    if (flags.isClosed) return "closed";
    return flags.hasApproval ? "approval" : undefined;
  }

  private addRefusal(group: ModelGroup, actor: string, account: string): string | undefined {
    if (!this.consent.mayAdd(actor, account)) return "unwilling";
    return this.hasRoom(group, 1) ? undefined : "full";
  }
}
