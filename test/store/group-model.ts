// Groups and their counts as plain maps.

import type { MembershipChange } from "../../src/store/store.ts";

/** The rules of the bounds, written down once more. */
export class GroupModel {
  readonly groups = new Map<
    string,
    { owner: string; readonly members: Map<string, "own" | "put">; readonly left: Set<string> }
  >();
  private readonly limits: { groupsPerAccount: number; groupsPutPerAccount: number; groupMembers: number };

  constructor(limits: GroupModel["limits"]) {
    this.limits = limits;
  }

  ownerOf(group: string): string | undefined {
    return this.groups.get(group)?.owner;
  }

  create(id: string, owner: string, members: string[]): string[] | "full" {
    if (this.count(owner, "own") >= this.limits.groupsPerAccount) return "full";
    const leftOut = members.filter((member) => this.count(member, "put") >= this.limits.groupsPutPerAccount);
    const made = new Map<string, "own" | "put">([[owner, "own"]]);
    for (const member of members) if (!leftOut.includes(member)) made.set(member, "put");
    this.groups.set(id, { owner, members: made, left: new Set() });
    return leftOut;
  }

  join({ group: id, actor, account }: MembershipChange): string {
    const group = this.groups.get(id);
    if (group === undefined || group.members.size === 0) return "notFound";
    if (actor !== account && actor !== group.owner) return "forbidden";
    if (group.members.has(account)) return "unchanged";
    if (group.members.size >= this.limits.groupMembers) return "groupMembers";
    const kind = actor === account ? "own" : "put";
    const limit = kind === "own" ? "groupsPerAccount" : "groupsPutPerAccount";
    if (this.count(account, kind) >= this.limits[limit]) return limit;
    group.members.set(account, kind);
    return "changed";
  }

  quit({ group: id, actor, account }: MembershipChange): string {
    const group = this.groups.get(id);
    if (group === undefined) return "notFound";
    const hasLeft = actor === account && group.left.has(account);
    if (group.members.size === 0) return hasLeft ? "unchanged" : "notFound";
    if (actor !== account && actor !== group.owner) return "forbidden";
    if (!group.members.delete(account)) return actor === account && !hasLeft ? "forbidden" : "unchanged";
    group.left.add(account);
    if (group.owner === account) group.owner = group.members.keys().next().value ?? account;
    return "changed";
  }

  private count(account: string, kind: "own" | "put"): number {
    return this.groups
      .values()
      .filter(({ members }) => members.get(account) === kind)
      .toArray().length;
  }
}
