// The online members of groups, so that the cost of a group message depends on the number of members who are online and
// not on the group's size. A group is loaded once; presence and membership then keep it current. Its version (the id of
// its last change of membership, which every stored message carries) shows that another node changed it: then it is
// loaded again. A message goes to the members at its commit, also if the group has changed since: the last changes are
// kept, and undone for it. A replaced store has other versions, so a replacement forgets all groups.

import type { Located } from "../../service/dispatcher.ts";
import { memberChangesMax } from "../../base/limits/fixed.ts";
import type { PresenceListener, Sessions } from "../../session/sessions.ts";
import { type MemberEvent, type Store, StoreUnavailable } from "../../store/store.ts";

interface Audience {
  version: bigint;
  /** The changes between `since` and `version`, the newest last; at most `memberChangesMax`. */
  readonly changes: MemberEvent[];
  since: bigint;
  readonly members: Set<string>;
  readonly online: Set<string>;
}

/** What is loaded of one app. */
interface Tenant {
  /** In the order of use, the oldest first. */
  readonly groups: Map<string, Audience>;
  /** The loaded groups that an account is in. */
  readonly groupsOf: Map<string, Set<Audience>>;
  readonly loading: Map<string, Promise<Audience | undefined>>;
  /** The members and kept changes of its loaded groups. */
  members: number;
}

/** What a loaded group has to know: its membership of `groupVersion` or later, and at a message. */
interface Wanted {
  readonly groupVersion: bigint;
  /** Undefined: no message, but the membership of now. */
  readonly messageId?: bigint;
}

/** A change of membership that this node made. */
interface AudienceChange extends MemberEvent {
  readonly app: string;
  readonly group: string;
  readonly versionBefore: bigint;
}

/** Members and kept changes of all loaded groups: some 100 MB. */
const membersDefault = 1_000_000;

/** The online members of the groups that talk. */
export class GroupAudience {
  private readonly store: Pick<Store, "membership" | "watchReplacement">;
  private readonly sessions: Sessions;
  private readonly tenants = new Map<string, Tenant>();
  private readonly membersMax: number;
  private members = 0;
  /** How often the store was replaced. */
  private replacements = 0;

  /**
   * `membersMax`: of all loaded groups together. Beyond it the app that holds the most forgets its least recently used
   * groups: a large tenant costs itself, and not the others, their reads.
   */
  constructor(
    store: Pick<Store, "membership" | "watchReplacement">,
    sessions: Sessions,
    membersMax: number = membersDefault,
  ) {
    this.store = store;
    this.membersMax = membersMax;
    this.sessions = sessions;
    const listener: PresenceListener = {
      online: (app, account) => {
        for (const audience of this.loadedGroupsOf(app, account)) audience.online.add(account);
      },
      offline: (app, account) => {
        for (const audience of this.loadedGroupsOf(app, account)) audience.online.delete(account);
      },
      reset: () => this.forgetAll(),
    };
    sessions.watchPresence(listener);
    store.watchReplacement(() => {
      this.replacements++;
      this.forgetAll();
      // Who asks from now on must not be answered from the former store.
      for (const tenant of this.tenants.values()) tenant.loading.clear();
    });
  }

  /**
   * The accounts of a group that are online, its membership being that of `version` or later. A promise only where the
   * group must be loaded; it rejects as the store does.
   */
  online(app: string, group: string, version: bigint): Iterable<string> | Promise<Iterable<string>> {
    const tenant = this.tenant(app);
    const wanted: Wanted = { groupVersion: version };
    const audience = this.find(tenant, group, wanted);
    return audience?.online ?? this.load(app, tenant, group, wanted).then((loaded) => loaded?.online ?? []);
  }

  /**
   * Returns the accounts that were members when a message was committed, those who are online among them; an account
   * that has left since is included, online or not. Returns a promise only if the group must be loaded, which rejects
   * like the store. Throws or rejects with StoreUnavailable if too many changes followed the message.
   */
  recipients(app: string, group: string, message: Required<Wanted>): Iterable<string> | Promise<Iterable<string>> {
    const tenant = this.tenant(app);
    const { messageId } = message;
    const audience = this.find(tenant, group, message);
    if (audience !== undefined) return membersAt(audience, messageId);
    return this.load(app, tenant, group, message).then((loaded) =>
      loaded === undefined ? [] : membersAt(loaded, messageId),
    );
  }

  /** How many members of a group are online; undefined while it is not loaded. */
  onlineCount(app: string, group: string): number | undefined {
    return this.tenants.get(app)?.groups.get(group)?.online.size;
  }

  /** Keeps a loaded group current; one whose version is not the change's `versionBefore` is forgotten. */
  changed(change: AudienceChange): void {
    const tenant = this.tenants.get(change.app);
    const audience = tenant?.groups.get(change.group);
    if (tenant === undefined || audience === undefined || audience.version >= change.version) return;
    if (audience.version !== change.versionBefore) {
      this.forget(tenant, change.group, audience);
      return;
    }
    audience.version = change.version;
    this.keep(tenant, audience, change);
    const { account } = change;
    if (!change.isMember) {
      if (audience.members.delete(account)) this.count(tenant, -1);
      audience.online.delete(account);
      this.unlink(tenant, account, audience);
      return;
    }
    if (!audience.members.has(account)) this.count(tenant, 1);
    audience.members.add(account);
    this.link(tenant, account, audience);
    this.makeRoom(audience);
    const located = this.sessions.locate(change.app, [account]);
    if (!(located instanceof Promise)) {
      if ((located[0]?.length ?? 0) > 0) audience.online.add(account);
      return;
    }
    // The account is linked already: whatever happens to it from now on is told to this audience.
    const looking = located.then(
      ([found = []]) => {
        if (found.length > 0 && audience.members.has(account)) audience.online.add(account);
      },
      (error: unknown) => {
        if (tenant.groups.get(change.group) === audience) this.forget(tenant, change.group, audience);
        throw error;
      },
    );
    const before = tenant.loading.get(change.group);
    void this.wait(
      tenant,
      change.group,
      Promise.all([looking, before]).then(() => audience),
    );
  }

  /** A loaded group that suffices and whose online members are known; it counts as used now. */
  private find(tenant: Tenant, group: string, wanted: Wanted): Audience | undefined {
    const audience = tenant.groups.get(group);
    if (audience === undefined || !suffices(audience, wanted) || tenant.loading.has(group)) return undefined;
    tenant.groups.delete(group);
    tenant.groups.set(group, audience);
    return audience;
  }

  private loadedGroupsOf(app: string, account: string): Iterable<Audience> {
    return this.tenants.get(app)?.groupsOf.get(account) ?? [];
  }

  private load(app: string, tenant: Tenant, group: string, wanted: Wanted): Promise<Audience | undefined> {
    const running = tenant.loading.get(group);
    if (running !== undefined) {
      // It may have read the membership before the change that the caller knows of, or told later changes only.
      return running.then((loaded) =>
        loaded !== undefined && !suffices(loaded, wanted) ? this.load(app, tenant, group, wanted) : loaded,
      );
    }
    return this.wait(tenant, group, this.read(app, tenant, group, wanted.messageId));
  }

  /** Lets those who ask for a group wait until it is known who of it is online. */
  private wait(tenant: Tenant, group: string, reading: Promise<Audience | undefined>): Promise<Audience | undefined> {
    const loading = reading.finally(() => {
      if (tenant.loading.get(group) === loading) tenant.loading.delete(group);
    });
    tenant.loading.set(group, loading);
    // Nobody may be waiting for it.
    loading.catch(() => undefined);
    return loading;
  }

  /** `messageId`: not the group's last change, which may be years old, as the store looks at all changes since then. */
  private async read(app: string, tenant: Tenant, group: string, messageId?: bigint): Promise<Audience | undefined> {
    const { replacements } = this;
    const membership = await this.store.membership(app, group, messageId);
    // Whoever asked did so for a message of the former store, in which this group was another one.
    if (replacements !== this.replacements) return undefined;
    const known = tenant.groups.get(group);
    if (known !== undefined) this.forget(tenant, group, known);
    if (membership === undefined) return undefined;
    const { accounts, changes, since } = membership;
    const audience: Audience = {
      ...{ version: membership.version, changes: [...changes], since },
      ...{ members: new Set(accounts), online: new Set() },
    };
    // Linked before presence is asked for: whatever changes from here on is told to this audience.
    for (const account of accounts) this.link(tenant, account, audience);
    tenant.groups.set(group, audience);
    this.count(tenant, costOf(audience));
    let located: Located;
    try {
      const found = this.sessions.locate(app, accounts);
      located = found instanceof Promise ? await found : found;
    } catch (error) {
      if (tenant.groups.get(group) === audience) this.forget(tenant, group, audience);
      throw error;
    }
    for (const [index, account] of accounts.entries()) {
      // It may have left meanwhile.
      if ((located[index]?.length ?? 0) > 0 && audience.members.has(account)) audience.online.add(account);
    }
    this.makeRoom(audience);
    return audience;
  }

  private keep(tenant: Tenant, audience: Audience, { account, isMember, version }: AudienceChange): void {
    audience.changes.push({ account, isMember, version });
    const oldest = audience.changes.length > memberChangesMax ? audience.changes.shift() : undefined;
    if (oldest === undefined) this.count(tenant, 1);
    else audience.since = oldest.version;
  }

  private makeRoom(kept: Audience): void {
    while (this.members > this.membersMax) {
      const largest = this.largestTenant();
      if (largest === undefined || !this.forgetOldest(largest, kept)) return;
    }
  }

  private largestTenant(): Tenant | undefined {
    let largest: Tenant | undefined;
    for (const tenant of this.tenants.values()) {
      if (tenant.members > (largest?.members ?? 0)) largest = tenant;
    }
    return largest;
  }

  /** False when there is none but `kept`. */
  private forgetOldest(tenant: Tenant, kept: Audience): boolean {
    for (const [group, audience] of tenant.groups) {
      if (audience === kept) continue;
      this.forget(tenant, group, audience);
      return true;
    }
    return false;
  }

  private count(tenant: Tenant, change: number): void {
    tenant.members += change;
    this.members += change;
  }

  private forget(tenant: Tenant, group: string, audience: Audience): void {
    tenant.groups.delete(group);
    this.count(tenant, -costOf(audience));
    for (const account of audience.members) this.unlink(tenant, account, audience);
  }

  /**
   * Who is online may have changed unheard. A group that is being loaded is asked for after that, or goes with the
   * rest.
   */
  private forgetAll(): void {
    for (const tenant of this.tenants.values()) {
      for (const [group, audience] of tenant.groups) this.forget(tenant, group, audience);
    }
  }

  private tenant(app: string): Tenant {
    let tenant = this.tenants.get(app);
    if (tenant === undefined) {
      tenant = { groups: new Map(), groupsOf: new Map(), loading: new Map(), members: 0 };
      this.tenants.set(app, tenant);
    }
    return tenant;
  }

  private link(tenant: Tenant, account: string, audience: Audience): void {
    const groups = tenant.groupsOf.get(account);
    if (groups === undefined) tenant.groupsOf.set(account, new Set([audience]));
    else groups.add(audience);
  }

  private unlink(tenant: Tenant, account: string, audience: Audience): void {
    const groups = tenant.groupsOf.get(account);
    groups?.delete(audience);
    if (groups?.size === 0) tenant.groupsOf.delete(account);
  }
}

function costOf({ members, changes }: Audience): number {
  return members.size + changes.length;
}

/** A repeated message has the group's version of now, and is not worth another read: it may be repeated for ever. */
function suffices(audience: Audience, { groupVersion, messageId }: Wanted): boolean {
  if (audience.version < groupVersion) return false;
  return messageId === undefined || audience.since <= messageId || messageId < groupVersion;
}

/** The members at a message that is not older than the kept changes: the later ones are undone. */
function membersAt({ version, since, changes, online }: Audience, messageId: bigint): Iterable<string> {
  if (version < messageId) return online;
  if (since > messageId) throw new StoreUnavailable("too many changes of the group followed the message");
  const accounts = new Set(online);
  for (const change of changes.toReversed()) {
    if (change.version < messageId) break;
    if (change.isMember) accounts.delete(change.account);
    else accounts.add(change.account);
  }
  return accounts;
}
