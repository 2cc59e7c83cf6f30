// Groups and the windows of their members, as plain maps; without bounds, which group-model.ts has.

import type { GroupDraft, MembershipChange } from "../../src/store/store.ts";

export interface ModelGroup {
  owner: string;
  version: bigint;
  /** In the order of joining. */
  readonly members: Set<string>;
  readonly windows: Map<string, { readonly from: bigint; until: bigint }[]>;
}

/** No id is greater. */
export const endId: bigint = 2n ** 63n - 1n;

/** Groups by their ids with `@` before them. */
export class ModelGroups {
  private readonly groups = new Map<string, ModelGroup>();

  get names(): string[] {
    return [...this.groups.keys()];
  }

  get(name: string): ModelGroup | undefined {
    return this.groups.get(name);
  }

  create({ id, owner, members }: GroupDraft, version: bigint): void {
    const all = [owner, ...members];
    const windows = new Map(all.map((account) => [account, [{ from: version, until: endId }]]));
    this.groups.set(`@${id}`, { owner, version, members: new Set(all), windows });
  }

  /** What a join or quit is answered with that changes nothing. */
  refusal(kind: "join" | "quit", { group: id, actor, account }: MembershipChange): string | undefined {
    const group = this.groups.get(`@${id}`);
    if (group === undefined) return "notFound";
    const hasLeft = actor === account && group.windows.get(account)?.some(({ until }) => until < endId) === true;
    if (group.members.size === 0) return kind === "quit" && hasLeft ? "unchanged" : "notFound";
    if (actor !== account && actor !== group.owner) return "forbidden";
    if (group.members.has(account)) return kind === "join" ? "unchanged" : undefined;
    if (kind === "join") return undefined;
    return actor === account && !hasLeft ? "forbidden" : "unchanged";
  }

  /** Returns the version before. */
  change(kind: "join" | "quit", { group: id, account }: MembershipChange, version: bigint): bigint {
    const group = this.groups.get(`@${id}`);
    if (group === undefined) throw new Error(`there is no group ${id}`);
    const before = group.version;
    group.version = version;
    if (kind === "join") {
      group.members.add(account);
      group.windows.getOrInsertComputed(account, () => []).push({ from: version, until: endId });
      return before;
    }
    group.members.delete(account);
    const window = group.windows.get(account)?.at(-1);
    if (window !== undefined) window.until = version;
    if (group.owner === account) group.owner = group.members.values().next().value ?? account;
    return before;
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
}
