// What the reads of GroupStore and PeopleStore must answer, by the model of conversations.

import { watchGroupMax } from "../../src/base/limits/fixed.ts";
import type { Profile } from "../../src/store/conversations.ts";
import type { GroupView, Invitation, JoinRequest, OfGroup, Page, PagedMember } from "../../src/store/groups.ts";
import type { BlockedPage, StoredBlock, TalkRight } from "../../src/store/people.ts";
import type { ConversationModel } from "./conversation-model.ts";
import type { ModelGroup } from "./model-groups.ts";
import { mayDo } from "./model-rights.ts";

/** A group, and a member of it, without times that the model has not been told. */
type ModelView = Omit<GroupView, "createdAt">;
export type ModelMember = Omit<PagedMember, "joinTime">;

export class ModelGroupReader {
  private readonly model: ConversationModel;

  constructor(model: ConversationModel) {
    this.model = model;
  }

  /** Why an account does not see a group; undefined: it does. */
  seeRefusal(account: string, group: string): "notFound" | "forbidden" | undefined {
    return this.model.groups.refusal("see", { group, actor: account });
  }

  view(account: string, id: string): ModelView {
    const group = this.model.groups.of({ group: id });
    const { mutedUntil, alias, role } = this.member(group, account);
    return {
      id,
      ...group.texts,
      ...group.flags,
      owner: group.owner,
      memberCount: group.members.size,
      role,
      mutedUntil,
      alias,
      requestCount: mayDo("answer", role) ? group.requests.size : 0,
    };
  }

  /** All members, or the admins alone, in the order in which the store learned of the accounts. */
  members(id: string, isAdminsOnly: boolean): ModelMember[] {
    const group = this.model.groups.of({ group: id });
    return [...this.model.accounts]
      .filter((account) => group.members.has(account))
      .map((account) => this.member(group, account))
      .filter(({ role }) => !isAdminsOnly || role !== "member");
  }

  groups(account: string, after: string, limit: number): Page<ModelView> {
    const { names } = this.model.groups;
    const found = names
      .slice(names.indexOf(`@${after}`) + 1)
      .map((name) => name.slice(1))
      .filter((id) => this.model.groups.of({ group: id }).members.has(account));
    return pageOf(
      // Nothing shows the requests of each group of a page.
      found.map((id) => ({ ...this.view(account, id), requestCount: 0 })),
      limit,
    );
  }

  invitations(of: OfGroup): Page<Invitation> | { readonly result: string } {
    const refusal = this.model.groups.refusal("invite", of);
    if (refusal !== undefined) return { result: refusal };
    const group = this.model.groups.of(of);
    const items = [...group.invitations]
      .filter(([, its]) => its.usesLeft !== 0 && this.model.groups.isInForce(group, its))
      .map(([code, { maker: account, expiresAt, usesLeft }]): Invitation => ({
        code,
        expiresAt,
        usesLeft: Math.max(0, usesLeft),
        account,
      }));
    return { result: "found", items, hasMore: false };
  }

  requests(of: OfGroup, after: string, limit: number): Page<JoinRequest> | { readonly result: string } {
    const refusal = this.model.groups.refusal("answer", of);
    if (refusal !== undefined) return { result: refusal };
    const { requests } = this.model.groups.of(of);
    const found = this.after(after).flatMap((account): JoinRequest[] => {
      const request = requests.get(account);
      return request === undefined ? [] : [{ account, ...request }];
    });
    return pageOf(found, limit);
  }

  /** The pinned messages that an account sees, or why there are none. */
  pinned(account: string, name: string): bigint[] | "notFound" {
    const { model } = this;
    const isGroup = name.startsWith("@");
    if (isGroup ? this.seeRefusal(account, name.slice(1)) !== undefined : !model.has(account, name)) return "notFound";
    return model.groupWrites.pinnedIn(account, name).filter((id) => {
      const message = model.messages.get(id);
      return message !== undefined && model.isVisible(account, message);
    });
  }

  blocked(account: string, after: string, limit: number): BlockedPage {
    const found = this.model.people
      .blocksSince(account, 0n)
      .filter((block) => !block.isOff && block.account > after)
      .map((block) => block.account)
      .toSorted();
    return { accounts: found.slice(0, limit), hasMore: found.length > limit };
  }

  profiles(accounts: readonly string[], versions: readonly bigint[]): Profile[] {
    return accounts
      .map((account) => this.model.people.profileOf(account))
      .filter(({ version }, at) => version !== (versions[at] ?? 0n));
  }

  mayTalk(account: string, name: string): TalkRight {
    if (name.startsWith("@")) return this.model.groups.talkRefusal(name, account) ?? "allowed";
    return this.model.people.mayWrite(account, name) ? "allowed" : "unwilling";
  }

  watchable(account: string, accounts: readonly string[]): string[] {
    const { groups, people } = this.model;
    return accounts.filter((other) => {
      const shared = groups.names.some((name) => {
        const members = groups.get(name)?.members;
        return members?.has(account) === true && members.has(other) && members.size <= watchGroupMax;
      });
      return this.model.accounts.has(other) && people.mayWatch(account, other, shared);
    });
  }

  blocksAfter(app: string, version: bigint, limit: number): StoredBlock[] {
    return this.model.people.inForce
      .filter((block) => block.version > version)
      .map((block) => ({ app, ...block }))
      .slice(0, limit);
  }

  /** The accounts after one, in their order; all of them after one that the store does not know. */
  private after(account: string): string[] {
    const all = [...this.model.accounts];
    return all.slice(all.indexOf(account) + 1);
  }

  private member(group: ModelGroup, account: string): ModelMember {
    const { groups } = this.model;
    const standing = groups.standing(group, account);
    return {
      account,
      alias: group.aliases.get(account) ?? "",
      role: standing === "stranger" ? "member" : standing,
      mutedUntil: groups.isMuted(group, account) ? (group.mutes.get(account) ?? 0n) : 0n,
    };
  }
}

function pageOf<T>(found: readonly T[], limit: number): Page<T> {
  return { result: "found", items: found.slice(0, limit), hasMore: found.length > limit };
}
