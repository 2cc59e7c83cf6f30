// The groups of a simulated database: who is a member, and the windows of ids in which accounts were members.

import { idMax } from "../../src/store/snowflake.ts";
import {
  type GroupDetail,
  type GroupDraft,
  type Membership,
  type MembershipChange,
  type MembershipOutcome,
  membershipOf,
  type Store,
} from "../../src/store/store.ts";

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
  version: bigint;
  readonly windows: Window[];
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
    this.groups.set(draft.id, { draft, owner: draft.owner, version, windows });
  }

  /** `nextId` takes an id of the log. */
  join({ group: id, actor, account }: MembershipChange, nextId: () => bigint): MembershipOutcome {
    const group = this.groups.get(id);
    if (group === undefined) return { result: "notFound" };
    if (isMember(group, account)) return { result: "unchanged" };
    if (actor !== group.owner && (actor !== account || group.draft.closed)) return { result: "forbidden" };
    const versionBefore = group.version;
    group.version = nextId();
    group.windows.push({ account, from: group.version, joinTime: nowSeconds(), to: undefined });
    return { result: "changed", versionBefore, version: group.version };
  }

  /** `close` ends the window at an id. */
  quit(
    { group: id, actor, account }: MembershipChange,
    nextId: () => bigint,
    close: (window: Window, version: bigint) => void,
  ): MembershipOutcome {
    const group = this.groups.get(id);
    if (group === undefined) return { result: "notFound" };
    const window = openWindow(group, account);
    if (window === undefined)
      return { result: group.windows.some((each) => each.account === account) ? "unchanged" : "forbidden" };
    if (actor !== group.owner && actor !== account) return { result: "forbidden" };
    const versionBefore = group.version;
    group.version = nextId();
    close(window, group.version);
    if (group.owner === account) group.owner = group.windows.find(({ to }) => to === undefined)?.account ?? "";
    return { result: "changed", versionBefore, version: group.version };
  }

  has(id: string): boolean {
    return this.groups.has(id);
  }

  /** The id of the last change of membership; 0n if there is no such group. */
  version(id: string): bigint {
    return this.groups.get(id)?.version ?? 0n;
  }

  isMember(id: string, account: string): boolean {
    const group = this.groups.get(id);
    return group !== undefined && isMember(group, account);
  }

  isOwner(id: string, account: string): boolean {
    return this.groups.get(id)?.owner === account && this.isMember(id, account);
  }

  /** The windows of an account, the oldest first. */
  windowsOf(id: string, account: string): readonly Window[] {
    return (this.groups.get(id)?.windows ?? []).filter((window) => window.account === account);
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

  /** The members now, in the order of joining. */
  members(id: string): readonly Window[] {
    return (this.groups.get(id)?.windows ?? []).filter(({ to }) => to === undefined);
  }

  detail(id: string, asker: string): Awaited<ReturnType<Store["groupDetail"]>> {
    const group = this.groups.get(id);
    if (group === undefined) return { result: "notFound" };
    if (!isMember(group, asker)) return { result: "forbidden" };
    const { draft, owner, windows } = group;
    const members = this.members(id).map(({ account, joinTime }) => ({ account, alias: "", avatar: "", joinTime }));
    const detail: GroupDetail = { ...draft, owner, createdAt: windows[0]?.joinTime ?? 0n, members };
    return { result: "found", detail };
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

function isMember(group: Group, account: string): boolean {
  return openWindow(group, account) !== undefined;
}

function openWindow({ windows }: Group, account: string): Window | undefined {
  return windows.find((window) => window.account === account && window.to === undefined);
}

function nowSeconds(): bigint {
  return BigInt(Math.floor(Date.now() / 1000));
}
