// The groups of a simulated database: who is a member, and the windows of ids in which accounts were members.

import { windowsReadMax } from "../../src/base/limits/fixed.ts";
import { type GroupFacts, type GroupRight, rightInGroup, type Standing } from "../../src/store/group-rights.ts";
import type { TalkRight } from "../../src/store/people.ts";
import { idMax } from "../../src/store/snowflake.ts";
import { type GroupDetail, type GroupDraft, type Membership, membershipOf, type Store } from "../../src/store/store.ts";

/** The ids between which an account was a member. */
export interface Window {
  readonly account: string;
  readonly from: bigint;
  readonly joinTime: bigint;
  to: bigint | undefined;
}

interface Group {
  readonly draft: GroupDraft;
  owner: string;
  name: string;
  isForAdmins: boolean;
  version: bigint;
  readonly windows: Window[];
  readonly admins: Set<string>;
  /** Until when, in seconds since 1970, by account; they outlast its membership. */
  readonly mutes: Map<string, bigint>;
  readonly aliases: Map<string, string>;
}

export class StoredGroups {
  private readonly groups = new Map<string, Group>();

  create(draft: GroupDraft, version: bigint): void {
    const joinTime = nowSeconds();
    const windows = [draft.owner, ...draft.members].map((account) => ({
      account,
      from: version,
      joinTime,
      to: undefined,
    }));
    this.groups.set(draft.id, {
      draft,
      owner: draft.owner,
      name: draft.name,
      isForAdmins: false,
      version,
      windows,
      admins: new Set(),
      mutes: new Map(),
      aliases: new Map(),
    });
  }

  /** Adds an account that is no member. */
  enter(id: string, account: string, version: bigint): void {
    const group = this.get(id);
    group.version = version;
    group.windows.push({ account, from: version, joinTime: nowSeconds(), to: undefined });
  }

  /** Ends the membership of a member; `close` ends its window at an id. */
  leave(id: string, account: string, version: bigint, close: (window: Window, version: bigint) => void): void {
    const group = this.get(id);
    const window = openWindow(group, account);
    if (window === undefined) throw new Error(`${account} is no member of ${id}`);
    group.version = version;
    close(window, version);
    group.admins.delete(account);
    group.aliases.delete(account);
    if (group.owner !== account) return;
    group.owner = group.windows.find(({ to }) => to === undefined)?.account ?? "";
    group.admins.delete(group.owner);
  }

  /** What decides about rights, but for what the target lets others do; `target` may be ''. */
  facts(id: string, actor: string, target: string): Omit<GroupFacts, "isWilling"> {
    return {
      isLive: this.members(id).length > 0,
      isClosed: this.groups.get(id)?.draft.closed === true,
      hasApproval: false,
      isForAdmins: this.groups.get(id)?.isForAdmins === true,
      actor: this.standing(id, actor),
      isMuted: (this.groups.get(id)?.mutes.get(actor) ?? 0n) > nowSeconds(),
      hasLeft: !this.isMember(id, actor) && this.windowsOf(id, actor).length > 0,
      target: this.standing(id, target),
      isSelf: actor === target,
    };
  }

  /** Whether an account may talk in a group. */
  mayTalk(id: string, account: string): TalkRight {
    const right = rightInGroup("talk", { ...this.facts(id, account, ""), isWilling: true });
    if (isTalkRight(right)) return right;
    throw new Error(`a talk is not refused so: ${right}`);
  }

  /** Each returns false if it is so already. */
  setAdmin(id: string, account: string, isAdmin: boolean): boolean {
    const { admins } = this.get(id);
    if (admins.has(account) === isAdmin) return false;
    if (isAdmin) admins.add(account);
    else admins.delete(account);
    return true;
  }

  mute(id: string, account: string, until: bigint): boolean {
    const { mutes } = this.get(id);
    const before = mutes.get(account) ?? 0n;
    mutes.set(account, until);
    return until !== (before > nowSeconds() ? before : 0n);
  }

  setAlias(id: string, account: string, alias: string): boolean {
    const { aliases } = this.get(id);
    const before = aliases.get(account) ?? "";
    aliases.set(account, alias);
    return alias !== before;
  }

  rename(id: string, name: string): boolean {
    const group = this.get(id);
    const isSame = group.name === name;
    group.name = name;
    return !isSame;
  }

  setForAdmins(id: string, isForAdmins: boolean): boolean {
    const group = this.get(id);
    const isSame = group.isForAdmins === isForAdmins;
    group.isForAdmins = isForAdmins;
    return !isSame;
  }

  has(id: string): boolean {
    return this.groups.has(id);
  }

  /** The id of the last change of membership; 0n if there is no such group. */
  version(id: string): bigint {
    return this.groups.get(id)?.version ?? 0n;
  }

  /** Of all groups: it moves with each change of membership. */
  get versions(): string {
    return [...this.groups.values()].map(({ version }) => version).join(",");
  }

  isMember(id: string, account: string): boolean {
    const group = this.groups.get(id);
    return group !== undefined && isMember(group, account);
  }

  /** Its owner, or one of its admins. */
  isAdmin(id: string, account: string): boolean {
    return ["admin", "owner"].includes(this.standing(id, account));
  }

  /** The windows of an account, the oldest first. */
  windowsOf(id: string, account: string): readonly Window[] {
    return (this.groups.get(id)?.windows ?? []).filter((window) => window.account === account);
  }

  /** The id from which on an account reads a group: the start of the last windows that are read. */
  readFrom(id: string, account: string): bigint {
    return this.windowsOf(id, account).at(-windowsReadMax)?.from ?? 0n;
  }

  /** How many windows of an account have ended after an id. */
  endedAfter(account: string, id: bigint): number {
    const windows = [...this.groups.keys()].flatMap((group) => this.windowsOf(group, account));
    return windows.filter(({ to }) => to !== undefined && to > id).length;
  }

  /** The groups in which an account ever was. */
  groupsOf(account: string): readonly string[] {
    return [...this.groups].filter(([id]) => this.windowsOf(id, account).length > 0).map(([id]) => id);
  }

  /** An account was a member when this id was committed. */
  isWithin(id: string, account: string, entryId: bigint): boolean {
    return (this.groups.get(id)?.windows ?? []).some(
      (window) =>
        window.account === account && entryId > window.from && (window.to === undefined || entryId < window.to),
    );
  }

  /** The same, or this id made it one, or ended that: so entries are seen. */
  isWithinOrAt(id: string, account: string, entryId: bigint): boolean {
    return (this.groups.get(id)?.windows ?? []).some(
      (window) =>
        window.account === account && entryId >= window.from && (window.to === undefined || entryId <= window.to),
    );
  }

  /** The members now, in the order of joining. */
  members(id: string): readonly Window[] {
    return (this.groups.get(id)?.windows ?? []).filter(({ to }) => to === undefined);
  }

  detail(id: string, asker: string): Awaited<ReturnType<Store["groupDetail"]>> {
    const group = this.groups.get(id);
    if (group === undefined) return { result: "notFound" };
    if (!isMember(group, asker)) return { result: "forbidden" };
    const { draft, name, owner, windows, aliases } = group;
    const members = this.members(id).map(({ account, joinTime }) => ({
      account,
      alias: aliases.get(account) ?? "",
      avatar: "",
      joinTime,
    }));
    const detail: GroupDetail = { ...draft, name, owner, createdAt: windows[0]?.joinTime ?? 0n, members };
    return { result: "found", detail };
  }

  private get(id: string): Group {
    const group = this.groups.get(id);
    if (group === undefined) throw new Error(`there is no group ${id}`);
    return group;
  }

  private standing(id: string, account: string): Standing {
    const group = this.groups.get(id);
    if (group === undefined || !isMember(group, account)) return "stranger";
    if (group.owner === account) return "owner";
    return group.admins.has(account) ? "admin" : "member";
  }

  membership(id: string, since = idMax): Membership | undefined {
    const group = this.groups.get(id);
    const members = this.members(id);
    if (group === undefined || members.length === 0) return undefined;
    const events = group.windows.flatMap(({ account, from, to = 0n }) => [
      { account, isMember: true, version: from },
      { account, isMember: false, version: to },
    ]);
    return membershipOf(
      group.version,
      members.map(({ account }) => account),
      events.filter(({ version }) => version > since),
      since,
    );
  }
}

function isTalkRight(right: GroupRight): right is TalkRight {
  return ["allowed", "notFound", "forbidden", "muted", "forAdmins"].includes(right);
}

function isMember(group: Group, account: string): boolean {
  return openWindow(group, account) !== undefined;
}

function openWindow({ windows }: Group, account: string): Window | undefined {
  return windows.find((window) => window.account === account && window.to === undefined);
}

function nowSeconds(): bigint {
  return BigInt(Math.floor(Date.now() / 1000));
}
