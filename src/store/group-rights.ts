// Who may do what in a group, and to whom: a pure table, which both engines apply inside the transaction that commits
// (PostgreSQL by a function of the database that says the same: a test compares them). Changes of messages are in
// rights.ts; whether one may talk there is decided here.

/**
 * What an account is in a group. Who has left, or was removed, is a stranger. The system (auth/names.ts) is above the
 * owners of all groups of its app, and a member of none.
 */
export type Standing = "stranger" | "member" | "admin" | "owner" | "system";

/** What a member is; in the order of the numbers of `GroupRole` in proto/pkt.proto: member, admin, owner. */
export type GroupRole = Exclude<Standing, "stranger" | "system">;

export const standings: readonly Standing[] = ["stranger", "member", "admin", "owner", "system"];

/** What the transaction knows of the group, of who acts, and of whom the action concerns. */
export interface GroupFacts {
  /** The group has members and was not dismissed. */
  readonly isLive: boolean;
  /** Strangers cannot join by themselves. */
  readonly isClosed: boolean;
  /** Strangers ask, and admins answer. */
  readonly hasApproval: boolean;
  /** Only the owner and admins talk. */
  readonly isForAdmins: boolean;
  /** The actor. In a group that is not live, only the one who owned it last is no stranger. */
  readonly actor: Standing;
  readonly isMuted: boolean;
  /** The actor was a member before. */
  readonly hasLeft: boolean;
  /** Whom the action concerns; a stranger if it concerns nobody. */
  readonly target: Standing;
  /** The target is the actor. */
  readonly isSelf: boolean;
  /** The target lets the actor do this to it: see `mayReach`. To become the owner, it must not block the actor. */
  readonly isWilling: boolean;
}

/**
 * `see`: read the group's detail, members and pinned messages. `add`: make somebody a member. `accept` and `decline`:
 * answer its request to join. `invite`: make, list and revoke invitations. `role`: make a member an admin, or an admin
 * a member. `joinInvited`: join with an invitation, which is valid.
 */
export type GroupAction =
  | "talk"
  | "mentionAll"
  | "see"
  | "update"
  | "pin"
  | "invite"
  | "seeRequests"
  | "join"
  | "joinInvited"
  | "request"
  | "quit"
  | "add"
  | "accept"
  | "decline"
  | "remove"
  | "role"
  | "transfer"
  | "mute"
  | "alias"
  | "dismiss";

/**
 * `unchanged`: it is so already. `closed`, `approval`, `noApproval`: how one becomes a member is another way. `muted`:
 * the actor is; `forAdmins`: everybody is but the admins. `unwilling`: the target does not let the actor. `noMember`:
 * the target is none.
 */
export type GroupRight =
  | "allowed"
  | "unchanged"
  | "notFound"
  | "forbidden"
  | "closed"
  | "approval"
  | "noApproval"
  | "muted"
  | "forAdmins"
  | "unwilling"
  | "noMember";

/** See proto/README.md, "Changes of groups". What is requested and so already, the caller compares itself. */
export function rightInGroup(action: GroupAction, facts: GroupFacts): GroupRight {
  const { actor, target } = facts;
  if (!facts.isLive) return rightAfterEnd(action, facts);
  const isSystem = actor === "system";
  const isMember = actor !== "stranger" && !isSystem;
  const isOwner = actor === "owner" || isSystem;
  const isAdmin = actor === "admin" || isOwner;
  const isOfGroup = target !== "stranger" && target !== "system";
  switch (action) {
    case "see":
      return isMember || isSystem ? "allowed" : "forbidden";
    case "alias":
      return isMember ? "allowed" : "forbidden";
    case "talk":
      if (isSystem) return "allowed";
      if (!isMember) return "forbidden";
      if (facts.isMuted) return "muted";
      return facts.isForAdmins && !isAdmin ? "forAdmins" : "allowed";
    case "mentionAll":
    case "update":
    case "pin":
    case "invite":
    case "seeRequests":
    case "decline":
      return isAdmin ? "allowed" : "forbidden";
    case "join":
      if (isSystem) return "forbidden";
      if (isMember) return "unchanged";
      if (facts.isClosed) return "closed";
      return facts.hasApproval ? "approval" : "allowed";
    case "joinInvited":
      if (isSystem) return "forbidden";
      return isMember ? "unchanged" : "allowed";
    case "request":
      if (isSystem) return "forbidden";
      if (isMember) return "unchanged";
      if (facts.isClosed) return "closed";
      return facts.hasApproval ? "allowed" : "noApproval";
    case "quit":
      if (isMember) return "allowed";
      return facts.hasLeft ? "unchanged" : "forbidden";
    case "add":
      if (!isAdmin) return "forbidden";
      if (target !== "stranger") return target === "system" ? "forbidden" : "unchanged";
      return facts.isWilling ? "allowed" : "unwilling";
    case "accept":
      if (!isAdmin) return "forbidden";
      return target === "stranger" ? "allowed" : "unchanged";
    case "remove":
      if (!isAdmin || facts.isSelf) return "forbidden";
      if (!isOfGroup) return "unchanged";
      // A group without an owner is nobody's: it is transferred first.
      return isAbove(actor, target) && target !== "owner" ? "allowed" : "forbidden";
    case "role":
      if (!isOwner || facts.isSelf || target === "owner") return "forbidden";
      return isOfGroup ? "allowed" : "noMember";
    case "transfer":
      // The former owner repeats what was not answered.
      if ((isMember || isSystem) && target === "owner") return "unchanged";
      if (!isOwner) return "forbidden";
      if (!isOfGroup) return "noMember";
      return facts.isWilling ? "allowed" : "unwilling";
    case "mute":
      if (!isAdmin) return "forbidden";
      if (!isOfGroup) return "noMember";
      return isAbove(actor, target) ? "allowed" : "forbidden";
    case "dismiss":
      return isOwner ? "allowed" : "forbidden";
  }
}

/** A repetition of what ended the group, or of leaving it, is confirmed. */
function rightAfterEnd(action: GroupAction, { actor, hasLeft }: GroupFacts): GroupRight {
  if (action === "dismiss" && (actor === "owner" || actor === "system")) return "unchanged";
  return action === "quit" && hasLeft ? "unchanged" : "notFound";
}

function isAbove(actor: Standing, target: Standing): boolean {
  return standings.indexOf(actor) > standings.indexOf(target);
}

/** Whom an account lets write to it, and whom it lets add it to groups; in the order of the numbers on the wire. */
export const consents = ["everybody", "conversations", "nobody"] as const;
export type Consent = (typeof consents)[number];

/** What the transaction knows of an actor and the account that it wants to reach. */
interface ReachFacts {
  readonly isSelf: boolean;
  /** The account blocks the actor. */
  readonly isBlocked: boolean;
  /** The account's setting for what the actor wants. */
  readonly consent: Consent;
  /** There is a direct conversation of the two. */
  readonly hasConversation: boolean;
}

/**
 * Whether an account may be written to (messages, edits, reactions, pins, signals), or added to a group, by another.
 * Why not is told to nobody.
 */
export function mayReach({ isSelf, isBlocked, consent, hasConversation }: ReachFacts): boolean {
  if (isSelf) return true;
  if (isBlocked) return false;
  return consent === "everybody" || (consent === "conversations" && hasConversation);
}

/** Whether an account's presence is told to another; `sharesGroup`: one of up to `watchGroupMax` members. */
export function mayWatch({
  isSelf,
  isBlocked,
  hasConversation,
  sharesGroup,
}: Omit<ReachFacts, "consent"> & { readonly sharesGroup: boolean }): boolean {
  return isSelf || (!isBlocked && (hasConversation || sharesGroup));
}
