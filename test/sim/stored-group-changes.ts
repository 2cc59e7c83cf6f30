// Changes of groups in a simulated database, each with its entry in the log: who is a member, roles, mutes, names,
// settings. Whoever may do what is decided as every engine has to.

import { entryKind, type GroupEntryDetail } from "../../src/store/conversations.ts";
import { type GroupAction, type GroupRight, rightInGroup } from "../../src/store/group-rights.ts";
import type { AddOutcome, GroupChange, GroupOutcome, MembersRequest, StoredEntry } from "../../src/store/groups.ts";
import type { CreateOutcome, GroupDraft, MembershipChange, MembershipOutcome } from "../../src/store/store.ts";
import type { StoredChanges } from "./stored-changes.ts";
import type { StoredGroups, Window } from "./stored-groups.ts";
import type { StoredPeople } from "./stored-people.ts";

type Close = (window: Window, version: bigint) => void;
type NextId = () => bigint;
type OfGroup = Omit<MembershipChange, "app" | "account">;

/** What the entry of an update names: name, and muted (`GroupField` in proto/pkt.proto). */
const nameField = 0;
const mutedField = 6;

export class StoredGroupChanges {
  private readonly groups: StoredGroups;
  private readonly changes: StoredChanges;
  private readonly people: StoredPeople;

  constructor(groups: StoredGroups, changes: StoredChanges, people: StoredPeople) {
    this.groups = groups;
    this.changes = changes;
    this.people = people;
  }

  /** `nextId` takes an id of the log. */
  create(draft: GroupDraft, nextId: NextId): CreateOutcome {
    const version = nextId();
    const leftOut = draft.members.filter((account) => !this.people.mayReach(draft.owner, account));
    const members = draft.members.filter((account) => !leftOut.includes(account));
    this.groups.create({ ...draft, members }, version);
    const by = { group: draft.id, actor: draft.owner };
    const { entry } = this.enter(by, version, entryKind.groupCreated, ofAccounts([draft.owner, ...members]));
    return { result: "created", version, leftOut, isAnyFull: false, time: entry.time };
  }

  join(change: MembershipChange, nextId: NextId): MembershipOutcome {
    const { account, group } = change;
    const right = this.right(change.actor === account ? "join" : "add", change, account);
    if (right !== "allowed") return { result: refusalOf(right) };
    const versionBefore = this.groups.version(group);
    const version = nextId();
    this.groups.enter(group, account, version);
    return this.changed(change, { versionBefore, version }, entryKind.groupJoined);
  }

  /** `close` ends the window at an id. */
  quit(change: MembershipChange, nextId: NextId, close: Close): MembershipOutcome {
    const { actor, account, group } = change;
    const isOwn = actor === account;
    const right = this.right(isOwn ? "quit" : "remove", change, account);
    if (right !== "allowed") return { result: refusalOf(right) };
    const versionBefore = this.groups.version(group);
    const version = nextId();
    this.groups.leave(group, account, version, close);
    return this.changed(change, { versionBefore, version }, isOwn ? entryKind.groupLeft : entryKind.groupRemoved);
  }

  add(request: MembersRequest, nextId: NextId): AddOutcome {
    const { group, accounts } = request;
    const unwilling: string[] = [];
    const added: string[] = [];
    for (const account of accounts) {
      const right = this.right("add", request, account);
      if (right === "unwilling") unwilling.push(account);
      else if (right === "allowed") added.push(account);
      else if (right !== "unchanged") return { outcomes: [{ result: right }], leftOut: [], unwilling };
    }
    if (added.length === 0) return { outcomes: [], leftOut: [], unwilling };
    const versionBefore = this.groups.version(group);
    const version = nextId();
    for (const account of added) this.groups.enter(group, account, version);
    const stored = this.enter(request, version, entryKind.groupJoined, ofAccounts(added));
    return { outcomes: [{ result: "stored", entries: [stored], versionBefore, version }], leftOut: [], unwilling };
  }

  /** `close` ends a window at an id. */
  remove(request: MembersRequest, nextId: NextId, close: Close): readonly GroupOutcome[] {
    const { group, accounts } = request;
    const removed: string[] = [];
    for (const account of accounts) {
      const right = this.right("remove", request, account);
      if (right === "allowed") removed.push(account);
      else if (right !== "unchanged") return [{ result: right }];
    }
    if (removed.length === 0) return [];
    const versionBefore = this.groups.version(group);
    const version = nextId();
    for (const account of removed) this.groups.leave(group, account, version, close);
    const stored = this.enter(request, version, entryKind.groupRemoved, ofAccounts(removed));
    return [{ result: "stored", entries: [stored], versionBefore, version }];
  }

  change(change: GroupChange, nextId: NextId): GroupOutcome {
    const { group, actor, kind } = change;
    const right = this.right(kind, change, "account" in change ? change.account : "");
    if (right !== "allowed") return { result: right };
    const version = this.groups.version(group);
    const stored = (entry: StoredEntry): GroupOutcome => ({
      result: "stored",
      entries: [entry],
      versionBefore: version,
      version,
    });
    switch (kind) {
      case "role": {
        const { account, role } = change;
        if (!this.groups.setAdmin(group, account, role === "admin")) return { result: "unchanged" };
        return stored(this.enter(change, nextId(), entryKind.groupRole, { ...ofAccounts([account]), role }));
      }
      case "mute": {
        const { account } = change;
        const until = change.until > nowSeconds() ? change.until : 0n;
        if (!this.groups.mute(group, account, until)) return { result: "unchanged" };
        return stored(this.enter(change, nextId(), entryKind.groupMuted, { ...ofAccounts([account]), until }));
      }
      case "alias": {
        if (!this.groups.setAlias(group, actor, change.alias)) return { result: "unchanged" };
        return stored(this.enter(change, nextId(), entryKind.groupAlias, ofAccounts([actor])));
      }
      case "update": {
        const { name, isForAdmins } = change;
        if (name !== undefined) {
          if (!this.groups.rename(group, name)) return { result: "unchanged" };
          return stored(this.enter(change, nextId(), entryKind.groupUpdated, { ...nobody, fields: [nameField] }));
        }
        if (isForAdmins === undefined) throw new Error("the simulation changes names, and who talks");
        if (!this.groups.setForAdmins(group, isForAdmins)) return { result: "unchanged" };
        return stored(this.enter(change, nextId(), entryKind.groupSettings, { ...nobody, fields: [mutedField] }));
      }
      default:
        throw new Error(`the simulation does not do this to groups: ${kind}`);
    }
  }

  private right(action: GroupAction, { group, actor }: OfGroup, target: string): GroupRight {
    const isWilling = target === "" || this.people.mayReach(actor, target);
    return rightInGroup(action, { ...this.groups.facts(group, actor, target), isWilling });
  }

  private changed(
    change: MembershipChange,
    versions: { readonly versionBefore: bigint; readonly version: bigint },
    kind: number,
  ): MembershipOutcome {
    const stored = this.enter(change, versions.version, kind, ofAccounts([change.account]));
    const { previousEntryId, isQuiet } = stored;
    return { result: "changed", ...versions, entry: { time: stored.entry.time, previousEntryId, isQuiet } };
  }

  private enter({ group, actor }: OfGroup, entryId: bigint, kind: number, detail: GroupEntryDetail): StoredEntry {
    return this.changes.enter({ entryId, kind, actor, group, detail });
  }
}

const nobody: GroupEntryDetail = { accounts: [], count: 0 };

function ofAccounts(accounts: readonly string[]): GroupEntryDetail {
  return { accounts, count: accounts.length };
}

/** Of a join and a quit, which are refused for few reasons. */
function refusalOf(right: GroupRight): Exclude<MembershipOutcome["result"], "changed" | "full"> {
  switch (right) {
    case "unchanged":
    case "forbidden":
    case "notFound":
    case "closed":
    case "approval":
    case "unwilling":
      return right;
    default:
      throw new Error(`membership is not refused so: ${right}`);
  }
}

function nowSeconds(): bigint {
  return BigInt(Math.floor(Date.now() / 1000));
}
