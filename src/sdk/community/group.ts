// One group, as an application uses it.

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

/**
 * Keeps nothing of its own: two of the same group are alike. Who lacks the role for a request, or is no member, is
 * refused with Forbidden; a group that does not exist or was dismissed is NotFound. What is so already is a success, so
 * requests may be repeated after a lost answer, but where a method says otherwise.
 */
export abstract class Group {
  abstract readonly id: string;

  /** What the list knows of it; undefined if the list was not read, or does not have it. */
  abstract readonly state: GroupState | undefined;

  /** All but the members. What was read is kept current for the last 200 groups, and asked for only once. */
  abstract detail(): Promise<GroupDetail>;

  /** Pages of members, in an order that does not change; ends after the last one. */
  abstract members(options?: MembersOptions): AsyncIterableIterator<MembersPage>;

  /** Changes texts and settings; for the owner and admins. At least one. */
  abstract update(changes: GroupUpdate): Promise<void>;

  /** Adds accounts, 1 to 1,000; for the owner and admins. A repetition adds those that were not added yet. */
  abstract add(accounts: readonly string[]): Promise<AddedMembers>;

  /** Removes accounts, 1 to 1,000; for the owner, and for admins plain members. Accounts that are no members are passed over. */
  abstract remove(accounts: readonly string[]): Promise<void>;

  /** Makes a member an admin, or an admin a member; for the owner. At most 100 admins. */
  abstract setRole(account: string, role: Exclude<GroupRole, "owner">): Promise<void>;

  /** Makes a member the owner; this account, the owner until then, becomes an admin. */
  abstract transfer(account: string): Promise<void>;

  /** Lets a member talk no more until a time, or again (undefined); for the owner, and for admins plain members. */
  abstract mute(account: string, until: Date | undefined): Promise<void>;

  /** Sets this account's name in the group, at most 64 characters; '' for none. */
  abstract setAlias(alias: string): Promise<void>;

  /** Joins a group that is open. Others are joined with `community.join(code)`, or by `request`. */
  abstract join(): Promise<void>;

  /** Leaves. From an owner, the longest-standing member inherits. */
  abstract leave(): Promise<void>;

  /** Ends the group for everybody; for the owner. A repetition after a lost answer is NotFound if the first one arrived. */
  abstract dismiss(): Promise<void>;

  /** Makes an invitation; for the owner and admins, at most 100 a group. A repetition makes another one. */
  abstract invite(options?: InviteOptions): Promise<Invitation>;

  /** The valid invitations; for the owner and admins. */
  abstract invitations(): Promise<readonly Invitation[]>;

  /** Makes a code void; for the owner and admins. */
  abstract revoke(code: string): Promise<void>;

  /** Asks to join a group that takes members by approval; `text`, at most 512 bytes, says why. A repetition replaces it. */
  abstract request(text?: string): Promise<void>;

  /** Does not want to join any more. */
  abstract withdraw(): Promise<void>;

  /** Pages of those who ask to join; for the owner and admins. */
  abstract requests(options?: PageOptions): AsyncIterableIterator<RequestsPage>;

  /**
   * Lets an account that asks to join in, or not; for the owner and admins. A repetition of a refusal after a lost
   * answer is NotFound if the first one arrived.
   */
  abstract answer(account: string, isAccepted: boolean): Promise<void>;
}
