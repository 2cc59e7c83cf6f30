// The online members of groups: the cost of a group message depends on the number of online members, and not on the
// group's size. A group is loaded once; presence and changes of membership then keep it current. The group's version is
// the id of its last change of membership. Every stored message carries it, and so shows that another node has changed
// the group, which is then loaded again. A message goes to those who were members at its commit: the last changes are
// kept, and undone for an older message. A replaced store has other versions, so all groups are forgotten then.

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

/** The loaded groups of one app. */
interface Tenant {
  /** In the order of use, the least recently used first. */
  readonly groups: Map<string, Audience>;
  /** The loaded groups that an account is in. */
  readonly groupsOf: Map<string, Set<Audience>>;
  readonly loading: Map<string, Promise<Audience | undefined>>;
  /** The members and kept changes of its loaded groups. */
  members: number;
}

/** What a loaded group must suffice for: a membership of `groupVersion` or later, and the recipients of a message. */
interface Wanted {
  readonly groupVersion: bigint;
  /** Undefined: the present members are wanted. */
  readonly messageId?: bigint;
}

/** A change of membership that this node made, of one account or of several at once. */
interface AudienceChange extends Omit<MemberEvent, "account"> {
  readonly app: string;
  readonly group: string;
  readonly accounts: readonly string[];
  readonly versionBefore: bigint;
}

/** The members and kept changes of all loaded groups: about 100 MB. */
const membersDefault = 1_000_000;

/** The online members of loaded groups. */
export class GroupAudience {
  private readonly store: Pick<Store, "membership" | "watchReplacement">;
  private readonly sessions: Sessions;
  private readonly tenants = new Map<string, Tenant>();
  private readonly membersMax: number;
  private members = 0;
  /** The number of times that the store was replaced. */
  private replacements = 0;

  /**
   * `membersMax` bounds the members and kept changes of all loaded groups. Beyond it, the app with the most of them
   * forgets its least recently used groups: a large tenant slows only itself down.
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
      // Later requests must not be answered from the former store.
      for (const tenant of this.tenants.values()) tenant.loading.clear();
    });
  }

  /**
   * Returns the online members of a group, whose membership is that of `version` or later. Returns a promise only if
   * the group must be loaded, which rejects like the store.
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

  /** Returns the number of online members of a group; undefined if it is not loaded. */
  onlineCount(app: string, group: string): number | undefined {
    return this.tenants.get(app)?.groups.get(group)?.online.size;
  }

  /** Applies a change to a loaded group; forgets the group if its version is not the change's `versionBefore`. */
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
    if (!change.isMember) {
      for (const account of change.accounts) {
        if (audience.members.delete(account)) this.count(tenant, -1);
        audience.online.delete(account);
        this.unlink(tenant, account, audience);
      }
      return;
    }
    for (const account of change.accounts) {
      if (!audience.members.has(account)) this.count(tenant, 1);
      audience.members.add(account);
      this.link(tenant, account, audience);
    }
    this.makeRoom(audience);
    this.lookUp(tenant, audience, change);
  }

  /** Learns who of the new members is online. They are linked already: presence reaches the group from now on. */
  private lookUp(tenant: Tenant, audience: Audience, { app, group, accounts }: AudienceChange): void {
    const add = (located: Located): void => {
      for (const [index, account] of accounts.entries())
        if ((located[index]?.length ?? 0) > 0 && audience.members.has(account)) audience.online.add(account);
    };
    const located = this.sessions.locate(app, accounts);
    if (!(located instanceof Promise)) {
      add(located);
      return;
    }
    const looking = located.then(add, (error: unknown) => {
      if (tenant.groups.get(group) === audience) this.forget(tenant, group, audience);
      throw error;
    });
    const before = tenant.loading.get(group);
    void this.wait(
      tenant,
      group,
      Promise.all([looking, before]).then(() => audience),
    );
  }

  /** Returns a loaded group that suffices and whose online members are known, and marks it as used. */
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
      // It may have read an older membership than the caller knows of, or too few of its changes.
      return running.then((loaded) =>
        loaded !== undefined && !suffices(loaded, wanted) ? this.load(app, tenant, group, wanted) : loaded,
      );
    }
    return this.wait(tenant, group, this.read(app, tenant, group, wanted.messageId));
  }

  /** Makes requests for a group wait until its online members are known. */
  private wait(tenant: Tenant, group: string, reading: Promise<Audience | undefined>): Promise<Audience | undefined> {
    const loading = reading.finally(() => {
      if (tenant.loading.get(group) === loading) tenant.loading.delete(group);
    });
    tenant.loading.set(group, loading);
    // There may be no such request.
    loading.catch(() => undefined);
    return loading;
  }

  /** `messageId` is not the group's last change, which may be years old: the store reads all changes since then. */
  private async read(app: string, tenant: Tenant, group: string, messageId?: bigint): Promise<Audience | undefined> {
    const { replacements } = this;
    const membership = await this.store.membership(app, group, messageId);
    // The request was for a message of the former store, whose groups are others.
    if (replacements !== this.replacements) return undefined;
    const known = tenant.groups.get(group);
    if (known !== undefined) this.forget(tenant, group, known);
    if (membership === undefined) return undefined;
    const { accounts, changes, since } = membership;
    const audience: Audience = {
      version: membership.version,
      changes: [...changes],
      since,
      members: new Set(accounts),
      online: new Set(),
    };
    // Linked before the sessions are looked up, so that presence reaches this audience from here on.
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
      // The account may have left meanwhile.
      if ((located[index]?.length ?? 0) > 0 && audience.members.has(account)) audience.online.add(account);
    }
    this.makeRoom(audience);
    return audience;
  }

  private keep(tenant: Tenant, audience: Audience, { accounts, isMember, version }: AudienceChange): void {
    const { changes } = audience;
    for (const account of accounts) changes.push({ account, isMember, version });
    const dropped = changes.splice(0, Math.max(0, changes.length - memberChangesMax));
    this.count(tenant, accounts.length - dropped.length);
    audience.since = dropped.at(-1)?.version ?? audience.since;
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

  /** Returns false if there is no group other than `kept`. */
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
   * Forgets all groups, because changes of presence may have been missed. A group that is being loaded looks its
   * sessions up afterwards, or is forgotten with the others.
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

/** A repeated message carries the group's present version; it causes no read, as a client may repeat it at will. */
function suffices(audience: Audience, { groupVersion, messageId }: Wanted): boolean {
  if (audience.version < groupVersion) return false;
  return messageId === undefined || audience.since <= messageId || messageId < groupVersion;
}

/** Returns the members at the commit of a message: the changes after it are undone. */
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
