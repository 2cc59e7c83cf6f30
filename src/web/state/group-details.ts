// What the details of a group show: read when they are opened, and again after each change.

import { batch, signal } from "@preact/signals";
import { errorOf } from "../../sdk/client-errors.ts";
import type { Community, Group, GroupDetail, GroupMember, Invitation } from "../../sdk/community/community.ts";
import type { JoinRequest } from "../../sdk/community/community.ts";

/** The bound on members that are loaded: what is searched in, and may be shown. */
const membersMax = 10_000;
/** Several changes within this time are read at once, in milliseconds. */
const calmMs = 200;

const ranks = { owner: 0, admin: 1, member: 2 };

export class GroupDetails {
  readonly group: Group;
  /** Undefined while it is read; null if this account is no member. */
  readonly detail = signal<GroupDetail | null | undefined>(undefined);
  readonly members = signal<readonly GroupMember[]>([]);
  readonly hasMore = signal(false);
  /** For the owner and admins; empty for others. */
  readonly invitations = signal<readonly Invitation[]>([]);
  readonly requests = signal<readonly JoinRequest[]>([]);
  /** This account asks to join, and nobody has answered yet. */
  readonly isAsked = signal(false);
  /** Why the last action failed, or what it left undone; '' if all is well. */
  readonly fault = signal("");
  private readonly community: Community;
  private isReading = false;
  private isStale = false;

  constructor(community: Community, id: string) {
    this.community = community;
    this.group = community.group(id);
  }

  /** Reads it, and keeps it current until the function is called that is returned. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { id } = this.group;
    const later = (group: string): void => {
      if (group === id) timer ??= setTimeout(() => ((timer = undefined), void this.read()), calmMs);
    };
    const endings = [
      this.community.on("groupChanged", ({ group }) => later(group)),
      this.community.on("groupsChanged", ({ groups }) => groups.has(id) && later(id)),
      this.community.on("joinRequested", ({ group }) => later(group)),
      this.community.on("joinAnswered", ({ group }) => {
        if (group === id) this.isAsked.value = false;
        later(group);
      }),
    ];
    void this.read();
    return () => {
      clearTimeout(timer);
      for (const end of endings) end();
    };
  }

  /** Whether this account is the owner or an admin. */
  get isAdmin(): boolean {
    const role = this.detail.value?.role;
    return role === "owner" || role === "admin";
  }

  /** Loads members that were not loaded: a page, or all of them, up to 10,000. */
  async loadMore(isAll = false): Promise<void> {
    const after = this.members.peek().at(-1)?.account ?? "";
    await this.attempt(async () => {
      for await (const { members, hasMore } of this.group.members({ after })) {
        batch(() => {
          this.members.value = [...this.members.peek(), ...members];
          this.hasMore.value = hasMore;
        });
        if (!isAll || this.members.peek().length >= membersMax) return;
      }
    });
  }

  /** Does something, and reads the group after it; shows why it failed. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    this.fault.value = "";
    try {
      await work();
    } catch (error) {
      this.fault.value = errorOf(error).message;
    }
  }

  /** As `attempt`; then reads what has no event: invitations and requests. */
  async change(work: () => Promise<unknown>): Promise<void> {
    await this.attempt(work);
    await this.read();
  }

  /** Reads all of it once more. */
  async read(): Promise<void> {
    this.isStale = true;
    if (this.isReading) return;
    this.isReading = true;
    while (this.isStale) {
      this.isStale = false;
      await this.readOnce();
    }
    this.isReading = false;
  }

  private async readOnce(): Promise<void> {
    try {
      const detail = await this.group.detail();
      const known = this.members.peek().length;
      const found: GroupMember[] = [];
      let hasMore = false;
      for await (const page of this.group.members()) {
        found.push(...page.members);
        ({ hasMore } = page);
        if (found.length >= known) break;
      }
      const isAdmin = detail.role !== "member";
      const invitations = isAdmin ? await this.group.invitations() : [];
      const requests = isAdmin ? (await this.group.requests().next()).value?.requests : [];
      batch(() => {
        this.detail.value = detail;
        this.members.value = found;
        this.hasMore.value = hasMore;
        this.invitations.value = invitations;
        this.requests.value = requests ?? [];
      });
    } catch {
      // Not a member any more, or no connection: what was read before stays in the latter case.
      if (this.community.groups.get(this.group.id) === undefined) this.detail.value = null;
    }
  }
}

/** The owner first, then admins, then the others in the order in which the server has them. */
export function byRank(members: readonly GroupMember[]): readonly GroupMember[] {
  return members.toSorted((one, other) => ranks[one.role] - ranks[other.role]);
}
