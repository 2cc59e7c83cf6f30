// The names of accounts and groups, and who is there.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Community, GroupState, Presence, Watch } from "../../sdk/community/community.ts";
import type { Partner } from "../../sdk/messenger/messenger.ts";

/** The bound on accounts whose presence is watched at a time; the server allows a connection 1,000. */
export const watchedMax = 200;

export class People {
  private readonly community: Community;
  /** Counts changes of names: what reads one is shown again. */
  private readonly changes = signal(0);
  private readonly present = signal<ReadonlyMap<string, Presence>>(new Map());
  private readonly groupNames = new Map<string, string>();
  private watch: Watch | undefined;

  constructor(community: Community) {
    this.community = community;
    const changed = (): void => void this.changes.value++;
    community.on("profilesChanged", changed);
    community.on("groupsChanged", changed);
    // A server without groups has no names of groups either: their ids are shown.
    community.groups.ready().then(changed, () => undefined);
  }

  /** The name that an account shows of itself, or else the account. Asks for what is not known. */
  nameOf(account: string): string {
    void this.changes.value;
    return this.community.profiles.of(account)?.name || account;
  }

  groupOf(id: string): GroupState | undefined {
    void this.changes.value;
    return this.community.groups.get(id);
  }

  /** The name of a conversation; of a group that this account has left since, its former one. */
  titleOf(partner: Partner): string {
    if (!("group" in partner)) return this.nameOf(partner.account);
    const { group } = partner;
    const name = this.groupOf(group)?.name ?? this.groupNames.get(group) ?? group;
    this.groupNames.set(group, name);
    return name;
  }

  get presence(): ReadonlySignal<ReadonlyMap<string, Presence>> {
    return this.present;
  }

  /** Watches these accounts, the first 200, and no others any more. */
  follow(accounts: readonly string[]): void {
    const wanted = accounts.slice(0, watchedMax);
    const former = this.watch;
    if (former !== undefined && String(former.accounts) === String(wanted)) return;
    const watch = this.community.presence.watch(wanted);
    watch.onChange(() => (this.present.value = watch.states));
    this.present.value = watch.states;
    this.watch = watch;
    former?.close();
  }
}
