// One group, as an application uses it.

import { membersPageMax } from "../../base/limits/fixed.ts";
import { Command } from "../../wire/commands.ts";
import { EntryResp } from "../../wire/gen/messages/entry-resp.ts";
import { GroupAddReq } from "../../wire/gen/messages/group-add-req.ts";
import { GroupAddResp } from "../../wire/gen/messages/group-add-resp.ts";
import { GroupAliasReq } from "../../wire/gen/messages/group-alias-req.ts";
import { GroupAnswerReq } from "../../wire/gen/messages/group-answer-req.ts";
import { GroupDismissReq } from "../../wire/gen/messages/group-dismiss-req.ts";
import { GroupGetReq } from "../../wire/gen/messages/group-get-req.ts";
import { GroupGetResp } from "../../wire/gen/messages/group-get-resp.ts";
import { GroupInvitationsReq } from "../../wire/gen/messages/group-invitations-req.ts";
import { GroupInvitationsResp } from "../../wire/gen/messages/group-invitations-resp.ts";
import { GroupInviteReq } from "../../wire/gen/messages/group-invite-req.ts";
import { GroupMuteReq } from "../../wire/gen/messages/group-mute-req.ts";
import { GroupRemoveReq } from "../../wire/gen/messages/group-remove-req.ts";
import { GroupRequestReq } from "../../wire/gen/messages/group-request-req.ts";
import { GroupRequestsReq } from "../../wire/gen/messages/group-requests-req.ts";
import { GroupRequestsResp } from "../../wire/gen/messages/group-requests-resp.ts";
import { GroupRevokeReq } from "../../wire/gen/messages/group-revoke-req.ts";
import { GroupRoleReq } from "../../wire/gen/messages/group-role-req.ts";
import { GroupTransferReq } from "../../wire/gen/messages/group-transfer-req.ts";
import { GroupUpdateReq } from "../../wire/gen/messages/group-update-req.ts";
import { Invitation as WireInvitation } from "../../wire/gen/messages/invitation.ts";
import { emptyMessage, type MessageInit, type MessageType } from "../../wire/message-type.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type {
  AddedMembers,
  GroupDetail,
  GroupRole,
  GroupState,
  GroupUpdate,
  Invitation,
  InviteOptions,
  MembersOptions,
  MembersPage,
  PageOptions,
  RequestsPage,
} from "./community-types.ts";
import type { GroupBook } from "./group-book.ts";
import { invitationOf, memberOf, requestOf, roleNumbers } from "./wire-values.ts";

/**
 * Keeps nothing of its own: two of the same group are alike. Who lacks the role for a request, or is no member, is
 * refused with Forbidden; a group that does not exist or was dismissed is NotFound. What is so already is a success, so
 * requests may be repeated after a lost answer, but where a method says otherwise. Changes resolve with the id of their
 * entry in the log, which `groupChanged` tells soon; with 0n if it was so already.
 */
export class Group {
  readonly id: string;
  private readonly owner: CommunityOwner;
  private readonly book: GroupBook;

  /** Applications call `community.group(id)`. */
  constructor(owner: CommunityOwner, book: GroupBook, id: string) {
    this.owner = owner;
    this.book = book;
    this.id = id;
  }

  /** What the list knows of it; undefined if the list was not read, or does not have it. */
  get state(): GroupState | undefined {
    return this.book.list.get(this.id);
  }

  /** All but the members. What was read is kept current for the last 200 groups, and not asked for again. */
  detail(): Promise<GroupDetail> {
    return this.book.detail(this.id);
  }

  /** Pages of members, in an order that does not change; ends after the last one. */
  async *members({ limit = membersPageMax, after = "", adminsOnly = false }: MembersOptions = {}): AsyncGenerator<
    MembersPage,
    void,
    void
  > {
    for (let last = after; ;) {
      const request = { groupId: this.id, after: last, limit, adminsOnly };
      const { members, hasMore } = await this.owner.ask(Command.GroupMembers, GroupGetReq, request, GroupGetResp);
      yield { members: members.map(memberOf), hasMore };
      const next = members.at(-1)?.account;
      if (!hasMore || next === undefined) return;
      last = next;
    }
  }

  /** Changes texts and settings, at least one; for the owner and admins. */
  async update(changes: GroupUpdate): Promise<bigint> {
    const { isClosed: closed, hasApproval: approval, isMuted: muted, ...texts } = changes;
    const entryId = await this.change(Command.GroupUpdate, GroupUpdateReq, { ...texts, closed, approval, muted });
    const { name, avatar } = texts;
    const shown = Object.entries({ name, avatar, isMuted: muted }).filter(([, value]) => value !== undefined);
    this.book.changed(this.id, Object.fromEntries(shown));
    this.book.spoil(this.id);
    return entryId;
  }

  /**
   * Adds accounts, 1 to 1,000; for the owner and admins. If it is refused, or the answer is lost, some may be in
   * already: a repetition adds the others.
   */
  async add(accounts: readonly string[]): Promise<AddedMembers> {
    const { ask } = this.owner;
    const answer = await this.after(ask(Command.GroupAdd, GroupAddReq, { group: this.id, accounts }, GroupAddResp));
    const { entryId, leftOut, unwilling } = answer;
    return { entryId, leftOut, unwilling };
  }

  /**
   * Removes accounts, 1 to 1,000; for the owner, and for admins plain members. Accounts that are no members are passed
   * over. Like `add`, it may be done in part.
   */
  remove(accounts: readonly string[]): Promise<bigint> {
    return this.change(Command.GroupRemove, GroupRemoveReq, { accounts });
  }

  /** Makes a member an admin, or an admin a member; for the owner. A group has at most 100 admins. */
  setRole(account: string, role: Exclude<GroupRole, "owner">): Promise<bigint> {
    return this.change(Command.GroupRole, GroupRoleReq, { account, role: roleNumbers[role] });
  }

  /** Makes a member the owner; this account, the owner until then, becomes an admin. */
  async transfer(account: string): Promise<bigint> {
    const entryId = await this.change(Command.GroupTransfer, GroupTransferReq, { account });
    if (account !== this.owner.account()) this.book.changed(this.id, { owner: account, role: "admin" });
    return entryId;
  }

  /** Lets a member talk no more until a time, or again (undefined); for the owner, and for admins plain members. */
  mute(account: string, until: Date | undefined): Promise<bigint> {
    const seconds = until === undefined ? 0 : Math.ceil(until.getTime() / 1_000);
    return this.change(Command.GroupMute, GroupMuteReq, { account, until: BigInt(seconds) });
  }

  /** Sets this account's name in the group, at most 64 characters; '' for none. */
  async setAlias(alias: string): Promise<bigint> {
    const entryId = await this.change(Command.GroupAlias, GroupAliasReq, { alias });
    this.book.changed(this.id, { alias }, entryId);
    return entryId;
  }

  /** Joins a group that is open. `community.join(code)` joins others, or `request`, where somebody answers. */
  join(): Promise<void> {
    return this.owner.client.joinGroup(this.id);
  }

  /** Leaves. From an owner, the longest-standing member inherits. */
  async leave(): Promise<void> {
    await this.owner.client.quitGroup(this.id);
    this.book.remove(this.id);
  }

  /** Ends the group for everybody; for the owner. */
  async dismiss(): Promise<bigint> {
    const entryId = await this.change(Command.GroupDismiss, GroupDismissReq, {});
    this.book.remove(this.id);
    return entryId;
  }

  /**
   * Makes an invitation; for the owner and admins. A group has at most 100 of them. If the answer was lost, there may
   * be one that nobody knows, which `invitations` has: a repetition makes another.
   * @throws RangeError if an option is not above 0
   */
  async invite({ expiresInMs, usesMax }: InviteOptions = {}): Promise<Invitation> {
    // For the server, 0 is the default: an invitation without an end of its own is not what was asked for.
    for (const [name, value] of Object.entries({ expiresInMs, usesMax }))
      if (value !== undefined && !(value > 0))
        throw new RangeError(`invite: ${name} is ${value}, expected more than 0`);
    const request = { group: this.id, expiresIn: BigInt(Math.ceil((expiresInMs ?? 0) / 1_000)), uses: usesMax ?? 0 };
    return invitationOf(await this.owner.ask(Command.GroupInvite, GroupInviteReq, request, WireInvitation));
  }

  /** The valid invitations; for the owner and admins. */
  async invitations(): Promise<readonly Invitation[]> {
    const { ask } = this.owner;
    const answer = await ask(Command.GroupInvitations, GroupInvitationsReq, { group: this.id }, GroupInvitationsResp);
    return answer.invitations.map(invitationOf);
  }

  /** Makes a code void; for the owner and admins. */
  async revoke(code: string): Promise<void> {
    await this.owner.ask(Command.GroupRevoke, GroupRevokeReq, { group: this.id, code }, emptyMessage);
  }

  /** Asks to join a group that takes members by approval; `text`, at most 512 bytes, says why. Again: replaces it. */
  async request(text = ""): Promise<void> {
    await this.owner.ask(Command.GroupRequest, GroupRequestReq, { group: this.id, text }, emptyMessage);
  }

  /** Does not want to join any more. */
  async withdraw(): Promise<void> {
    await this.owner.ask(Command.GroupRequest, GroupRequestReq, { group: this.id, withdraw: true }, emptyMessage);
  }

  /** Pages of those who ask to join; for the owner and admins. */
  async *requests({ limit = membersPageMax, after = "" }: PageOptions = {}): AsyncGenerator<RequestsPage, void, void> {
    for (let last = after; ;) {
      const request = { group: this.id, after: last, limit };
      const answer = await this.owner.ask(Command.GroupRequests, GroupRequestsReq, request, GroupRequestsResp);
      yield { requests: answer.requests.map(requestOf), hasMore: answer.hasMore };
      const next = answer.requests.at(-1)?.account;
      if (!answer.hasMore || next === undefined) return;
      last = next;
    }
  }

  /**
   * Lets an account join that asks to, or not; for the owner and admins. NotFound if it does not ask, or not any more:
   * if the answer was lost, a repetition of a refusal may be NotFound, and it is done.
   */
  async answer(account: string, isAccepted: boolean): Promise<bigint> {
    const entryId = await this.change(Command.GroupAnswer, GroupAnswerReq, { account, accept: isAccepted });
    this.book.spoil(this.id);
    return entryId;
  }

  /** Changes the group, and has the entry of it told. */
  private async change<Request extends { readonly group: string }>(
    command: string,
    type: MessageType<Request>,
    init: MessageInit<NoInfer<Request>>,
  ): Promise<bigint> {
    const request = this.owner.ask(command, type, { ...init, group: this.id }, EntryResp);
    return (await this.after(request)).entryId;
  }

  /** This connection is not pushed what it does itself: the index has it, also what a refused request has done. */
  private async after<Answer>(request: Promise<Answer>): Promise<Answer> {
    try {
      return await request;
    } finally {
      this.owner.readIndex();
    }
  }
}
