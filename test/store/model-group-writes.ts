// What the calls of GroupStore do in the model of conversations. Each is told with the store's answer, from which ids
// and times are taken.

import { groupAdminsMax, pinnedMessagesMax, quietMembersMax } from "../../src/base/limits/fixed.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { entryKind } from "../../src/store/conversations.ts";
import type {
  AddOutcome,
  GroupChange,
  GroupOutcome,
  GroupStore,
  GroupUpdate,
  InvitationDraft,
  MembersRequest,
  OfGroup,
  PinChange,
} from "../../src/store/groups.ts";
import { sliceMembersMax } from "../../src/store/jobs.ts";
import { agree } from "./agree.ts";
import type { ConversationModel } from "./conversation-model.ts";
import { type ModelGroup, nowSeconds } from "./model-groups.ts";
import { type EntryDraft, isOf, nameOf } from "./model-messages.ts";

type Answer<Name extends keyof GroupStore> = Awaited<ReturnType<GroupStore[Name]>>;
type Bounds = Pick<LimitValues, "invitationsPerGroup" | "joinRequestsPerGroup" | "joinRequestsPerAccount">;

/** In the order of their numbers in the protocol. */
const fieldNames = [
  "name",
  "avatar",
  "introduction",
  "announcement",
  "isClosed",
  "hasApproval",
  "isForAdmins",
] as const;
const textFields = 4;

/** Who joins or leaves, and how the entry says it. */
interface Move {
  readonly kind: number;
  readonly actor: string;
  readonly accounts: readonly string[];
}

export class ModelGroupWrites {
  private readonly model: ConversationModel;
  private readonly bounds: Bounds;

  constructor(model: ConversationModel, bounds: Bounds) {
    this.model = model;
    this.bounds = bounds;
  }

  change(change: GroupChange, outcome: GroupOutcome): void {
    const what = `a change of a group (${change.kind})`;
    const refusal = this.groups.changeRefusal(change);
    if (refusal !== undefined) return agree(outcome, { result: refusal }, what);
    const group = this.groups.of(change);
    const isOneMore = change.kind === "transfer" || (change.kind === "role" && change.role === "admin");
    if (isOneMore && !group.admins.has(change.account) && group.admins.size >= groupAdminsMax)
      return agree(outcome, { result: "full", bound: "groupAdminsMax" }, what);
    const drafts = this.draftsOf(change, group);
    if (drafts.length === 0) return agree(outcome, { result: "unchanged" }, what);
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, what);
    const entries = this.model.storedEntries(drafts, outcome.entries);
    const { version: versionBefore } = group;
    const version = change.kind === "dismiss" ? (entries[0]?.entry.entryId ?? 0n) : versionBefore;
    this.apply(change, group, version);
    agree(outcome, { result: "stored", entries, versionBefore, version }, what);
  }

  add({ accounts, ...of }: MembersRequest, outcome: AddOutcome): void {
    const expected: GroupOutcome[] = [];
    const [leftOut, unwilling]: [string[], string[]] = [[], []];
    const { people } = this.model;
    for (const slice of slicesOf(accounts)) {
      const refusal = this.groups.refusal("add", of);
      if (refusal !== undefined) {
        expected.push({ result: refusal });
        break;
      }
      const group = this.groups.of(of);
      const strangers = slice.filter((account) => !group.members.has(account));
      const willing = strangers.filter((account) => people.mayAdd(of.actor, account));
      if (willing.length > 0 && !this.groups.hasRoom(group, willing.length)) {
        expected.push({ result: "full", bound: "groupMembers" });
        break;
      }
      unwilling.push(...strangers.filter((account) => !willing.includes(account)));
      if (willing.length === 0) continue;
      const move = { kind: entryKind.groupJoined, actor: of.actor, accounts: willing };
      expected.push(this.moved(of.group, move, outcome.outcomes[expected.length]));
    }
    agree(outcome, { outcomes: expected, leftOut, unwilling }, "adding members");
  }

  remove({ accounts, ...of }: MembersRequest, outcomes: readonly GroupOutcome[]): void {
    const expected: GroupOutcome[] = [];
    for (const slice of slicesOf(accounts)) {
      const refusal = this.groups.refusal("add", of);
      const removed = refusal ?? this.groups.removed(this.groups.of(of), of.actor, slice);
      if (typeof removed === "string") {
        expected.push({ result: removed });
        break;
      }
      if (removed.length === 0) continue;
      const move = { kind: entryKind.groupRemoved, actor: of.actor, accounts: removed };
      expected.push(this.moved(of.group, move, outcomes[expected.length]));
    }
    agree(outcomes, expected, "removing members");
  }

  joinInvited(account: string, code: string, outcome: Answer<"joinInvited">): void {
    const what = "joining by an invitation";
    const found = this.groups.invitation(code);
    if (found === undefined) return agree(outcome, { result: "notFound" }, what);
    const { id, group, its } = found;
    if (group.members.has(account)) return agree(outcome, { result: "unchanged", group: id }, what);
    if (its.usesLeft === 0) return agree(outcome, { result: "notFound" }, what);
    if (!this.groups.hasRoom(group, 1))
      return agree(outcome, { result: "full", bound: "groupMembers", group: id }, what);
    if (its.usesLeft > 0) its.usesLeft--;
    const move = { kind: entryKind.groupJoined, actor: account, accounts: [account] };
    agree(outcome, { ...this.moved(id, move, outcome), group: id }, what);
  }

  invite(draft: InvitationDraft, outcome: Answer<"invite">): void {
    const { code, uses, actor } = draft;
    const refusal = this.groups.refusal("invite", draft);
    if (refusal !== undefined) return agree(outcome, { result: refusal }, "an invitation");
    const group = this.groups.of(draft);
    const { invitations } = group;
    const max = this.bounds.invitationsPerGroup;
    for (const [each, its] of invitations) if (!this.groups.isInForce(group, its)) invitations.delete(each);
    const usedUp = [...invitations].filter(([, { usesLeft }]) => usesLeft === 0).map(([each]) => each);
    for (const each of usedUp.slice(0, Math.max(0, usedUp.length - max))) invitations.delete(each);
    const valid = [...invitations.values()].filter(({ usesLeft }) => usesLeft !== 0);
    if (valid.length >= max) return agree(outcome, { result: "full", bound: "invitationsPerGroup" }, "an invitation");
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, "an invitation");
    const { expiresAt } = outcome.invitation;
    const invitation = { code, expiresAt, usesLeft: uses, account: actor };
    agree(outcome, { result: "stored", invitation }, "an invitation");
    invitations.set(code, { maker: actor, expiresAt, usesLeft: uses === 0 ? -1 : uses });
  }

  revoke(of: OfGroup, code: string, outcome: Answer<"revokeInvitation">): void {
    const refusal = this.groups.refusal("invite", of);
    const result = refusal ?? (this.groups.of(of).invitations.delete(code) ? "stored" : "unchanged");
    agree(outcome, { result }, "a revocation");
  }

  request({ text, ...of }: OfGroup & { readonly text: string }, outcome: Answer<"request">): void {
    const what = "a request to join";
    const refusal = this.groups.requestRefusal(of);
    if (refusal !== undefined) return agree(outcome, { result: refusal }, what);
    const group = this.groups.of(of);
    const earlier = group.requests.get(of.actor);
    if (earlier !== undefined) {
      group.requests.set(of.actor, { ...earlier, text });
      return agree(outcome, { result: "unchanged" }, what);
    }
    if (group.requests.size >= this.bounds.joinRequestsPerGroup)
      return agree(outcome, { result: "full", bound: "joinRequestsPerGroup" }, what);
    if (this.groups.requestsOf(of.actor) >= this.bounds.joinRequestsPerAccount)
      return agree(outcome, { result: "full", bound: "joinRequestsPerAccount" }, what);
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, what);
    const { time, admins } = outcome;
    agree({ ...outcome, admins: admins.toSorted() }, { result: "stored", admins: adminsOf(group), time }, what);
    group.requests.set(of.actor, { text, time });
  }

  withdraw(of: OfGroup, outcome: Answer<"withdraw">): void {
    const group = this.groups.get(`@${of.group}`);
    if (group === undefined || group.members.size === 0)
      return agree(outcome, { result: "notFound" }, "a withdrawn request");
    const isThere = group.requests.delete(of.actor);
    if (!isThere || outcome.result !== "stored")
      return agree(outcome, { result: isThere ? "stored" : "unchanged" }, "a withdrawn request");
    const admins = outcome.admins.toSorted();
    agree({ ...outcome, admins }, { result: "stored", admins: adminsOf(group) }, "a withdrawn request");
  }

  answer(
    { account, isAccepted, ...of }: OfGroup & { readonly account: string; readonly isAccepted: boolean },
    outcome: GroupOutcome,
  ): void {
    const what = `an answer (${isAccepted})`;
    const refusal = this.groups.refusal("answer", of);
    if (refusal !== undefined) return agree(outcome, { result: refusal }, what);
    const group = this.groups.of(of);
    if (isAccepted && group.members.has(account)) return agree(outcome, { result: "unchanged" }, what);
    if (!group.requests.has(account)) return agree(outcome, { result: "notFound" }, what);
    if (!isAccepted) {
      group.requests.delete(account);
      const { version } = group;
      return agree(outcome, { result: "stored", entries: [], versionBefore: version, version }, what);
    }
    if (!this.groups.hasRoom(group, 1)) return agree(outcome, { result: "full", bound: "groupMembers" }, what);
    const move = { kind: entryKind.groupJoined, actor: of.actor, accounts: [account] };
    agree(outcome, this.moved(of.group, move, outcome), what);
  }

  pin(change: PinChange, outcome: GroupOutcome): void {
    const { actor, dest, toGroup, messageId, isOff } = change;
    const { model } = this;
    const inbox = nameOf(change);
    const refusal = toGroup ? this.groups.refusal("pin", { group: dest, actor }) : undefined;
    if (refusal !== undefined) return agree(outcome, { result: refusal }, "a pin");
    const message = model.messages.get(messageId);
    const isHere = message !== undefined && isOf(actor, inbox, message) && model.mayRead(actor, message);
    if (!isHere || message.isRecalled) return agree(outcome, { result: "notFound" }, "a pin");
    if (!toGroup && !model.people.mayWrite(actor, dest)) return agree(outcome, { result: "unwilling" }, "a pin");
    if (model.pins.has(messageId) !== isOff) return agree(outcome, { result: "unchanged" }, "a pin");
    if (!isOff && this.pinnedIn(actor, inbox).length >= pinnedMessagesMax)
      return agree(outcome, { result: "full", bound: "pinnedMessagesMax" }, "a pin");
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, "a pin");
    const draft = { kind: entryKind.pinned, actor, inbox, refersTo: messageId, isOff };
    const entries = model.storedEntries([draft], outcome.entries);
    const version = this.groups.get(inbox)?.version ?? 0n;
    agree(outcome, { result: "stored", entries, versionBefore: version, version }, "a pin");
    if (isOff) model.pins.delete(messageId);
    else model.pins.set(messageId, entries[0]?.entry.entryId ?? 0n);
  }

  /** The pinned messages of a conversation, the newest pin first. */
  pinnedIn(account: string, name: string): bigint[] {
    const { model } = this;
    return [...model.pins]
      .filter(([id]) => {
        const message = model.messages.get(id);
        return message !== undefined && isOf(account, name, message);
      })
      .toSorted(([, one], [, other]) => (one > other ? -1 : 1))
      .map(([id]) => id);
  }

  private get groups() {
    return this.model.groups;
  }

  /** The entries of a change that is allowed; none if it is in force already. */
  private draftsOf(change: GroupChange, group: ModelGroup): EntryDraft[] {
    const { actor, kind } = change;
    const its = { actor, inbox: `@${change.group}` };
    switch (kind) {
      case "update": {
        const differing = fieldNames.flatMap((field, at) => (isOther(change, group, field) ? [at] : []));
        const texts = differing.filter((field) => field < textFields);
        const settings = differing.filter((field) => field >= textFields);
        return [
          ...(texts.length > 0 ? [{ ...its, kind: entryKind.groupUpdated, detail: { fields: texts } }] : []),
          ...(settings.length > 0 ? [{ ...its, kind: entryKind.groupSettings, detail: { fields: settings } }] : []),
        ];
      }
      case "role": {
        const { account, role } = change;
        const isSame = group.admins.has(account) === (role === "admin");
        return isSame ? [] : [{ ...its, kind: entryKind.groupRole, accounts: [account], detail: { role } }];
      }
      case "transfer": {
        const detail = { role: "owner" } as const;
        return [{ ...its, kind: entryKind.groupTransferred, accounts: [change.account], detail }];
      }
      case "mute": {
        const until = inForce(change.until);
        const isSame = until === inForce(group.mutes.get(change.account) ?? 0n);
        return isSame ? [] : [{ ...its, kind: entryKind.groupMuted, accounts: [change.account], detail: { until } }];
      }
      case "alias": {
        const isSame = change.alias === (group.aliases.get(actor) ?? "");
        return isSame ? [] : [{ ...its, kind: entryKind.groupAlias, accounts: [actor] }];
      }
      case "dismiss":
        return [{ ...its, kind: entryKind.groupDismissed }];
    }
  }

  private apply(change: GroupChange, group: ModelGroup, version: bigint): void {
    switch (change.kind) {
      case "update":
        for (const field of fieldNames) {
          if (change[field] === undefined) continue;
          Object.assign(field in group.texts ? group.texts : group.flags, { [field]: change[field] });
        }
        return;
      case "role":
        group.admins[change.role === "admin" ? "add" : "delete"](change.account);
        return;
      case "transfer":
        group.admins.add(change.actor);
        return this.groups.own(group, change.account);
      case "mute":
        group.mutes.set(change.account, inForce(change.until));
        return;
      case "alias":
        group.aliases.set(change.actor, change.alias);
        return;
      case "dismiss":
        return this.groups.dismiss(group, version);
    }
  }

  /** Accounts join or leave; the outcome that this had to have. */
  private moved(id: string, { kind, actor, accounts }: Move, outcome: GroupOutcome | undefined): GroupOutcome {
    if (outcome?.result !== "stored") return { result: "stored", entries: [], versionBefore: 0n, version: 0n };
    const group = this.groups.of({ group: id });
    const isJoin = kind === entryKind.groupJoined;
    const isQuiet = group.members.size + (isJoin ? 1 : -1) * accounts.length > quietMembersMax;
    const entries = this.model.storedEntries([{ kind, actor, inbox: `@${id}`, accounts, isQuiet }], outcome.entries);
    const version = entries[0]?.entry.entryId ?? 0n;
    const versionBefore = this.groups[isJoin ? "enter" : "leave"](group, accounts, version);
    for (const account of accounts) this.model.accounts.add(account);
    return { result: "stored", entries, versionBefore, version };
  }
}

function slicesOf(accounts: readonly string[]): (readonly string[])[] {
  const slices: (readonly string[])[] = [];
  for (let start = 0; start < accounts.length; start += sliceMembersMax)
    slices.push(accounts.slice(start, start + sliceMembersMax));
  return slices;
}

function isOther(change: GroupUpdate, { texts, flags }: ModelGroup, field: (typeof fieldNames)[number]): boolean {
  const now: Readonly<Record<string, string | boolean>> = { ...texts, ...flags };
  return change[field] !== undefined && change[field] !== now[field];
}

/** A mute that has ended is none. */
function inForce(until: bigint): bigint {
  return until > nowSeconds() ? until : 0n;
}

/** Who answers requests. */
export function adminsOf(group: ModelGroup): string[] {
  return [group.owner, ...group.admins].toSorted();
}
