// What a store does with conversations, as plain maps: the rules of proto/README.md, section 5, written down once more.
// Each write is told to the model with the store's answer: the model says what that had to be, and takes ids and times
// from it. What is done to groups is in model-group-writes.ts, what reads must answer in model-reader.ts.

import { quietMembersMax, reactionKindsMax } from "../../src/base/limits/fixed.ts";
import { type LimitValues, limitValues } from "../../src/base/limits/table.ts";
import {
  type ChangeOutcome,
  type ConversationSetting,
  entryKind,
  type HideRequest,
  type MessageChange,
  type ReadMark,
  type ReadOutcome,
  type SettingOutcome,
} from "../../src/store/conversations.ts";
import type { StoredEntry } from "../../src/store/groups.ts";
import type {
  CreateOutcome,
  GroupDraft,
  MembershipChange,
  MembershipOutcome,
  Talk,
  TalkOutcome,
} from "../../src/store/store.ts";
import { agree } from "./agree.ts";
import { ModelGroupWrites } from "./model-group-writes.ts";
import { ModelGroups } from "./model-groups.ts";
import {
  apply,
  type EntryDraft,
  entryOf,
  groupEntry,
  isOf,
  max,
  min,
  type ModelEntry,
  type ModelMessage,
  nameOf,
  otherOf,
  unchangedBy,
} from "./model-messages.ts";
import { ModelPeople } from "./model-people.ts";
import { mayDo } from "./model-rights.ts";

export interface ModelSetting {
  readonly isPinned: boolean;
  readonly isMuted: boolean;
  readonly hiddenId: bigint;
  readonly clearedTo: bigint;
  readonly version: bigint;
}

export const noSetting: ModelSetting = { isPinned: false, isMuted: false, hiddenId: 0n, clearedTo: 0n, version: 0n };

/** The conversations of one app; all accounts that talk are known to the store. */
export class ConversationModel {
  readonly messages = new Map<bigint, ModelMessage>();
  readonly entries: ModelEntry[] = [];
  readonly people: ModelPeople;
  readonly groups: ModelGroups;
  readonly groupWrites: ModelGroupWrites;
  /** The accounts that the store knows, in the order in which it learned of them. */
  readonly accounts = new Set<string>();
  /** By message: the entries that pinned them. */
  readonly pins = new Map<bigint, bigint>();
  /** By account and conversation. */
  readonly settings = new Map<string, Map<string, ModelSetting>>();
  readonly reads = new Map<string, Map<string, bigint>>();
  /** By account: the versions of hidden messages. */
  readonly hidden = new Map<string, Map<bigint, bigint>>();
  /** By account and device. */
  readonly acks = new Map<string, bigint>();
  /** No id of this app is greater. */
  lastId = 0n;
  private readonly keyed = new Map<string, ModelMessage>();

  /** `limits`: those of the store, in place of the initial ones. */
  constructor(limits: Partial<LimitValues> = {}) {
    const bounds = limitValues(limits);
    const pairs = {
      haveTalked: (one: string, other: string) => this.has(one, other),
      isKnown: (account: string) => this.accounts.has(account),
      take: (id: bigint) => this.take(id),
    };
    this.people = new ModelPeople(pairs, bounds.blocksPerAccount);
    this.groups = new ModelGroups(this.people, bounds.groupMembers);
    this.groupWrites = new ModelGroupWrites(this, bounds);
  }

  talk(talk: Talk, outcome: TalkOutcome): void {
    const { sender, type, body, extra, clientId, mentions = [], replyTo = 0n } = talk;
    const inbox = nameOf(talk);
    const earlier = this.keyed.get(`${sender} ${clientId}`);
    const refusal = this.talkRefusal(talk, earlier);
    if (refusal !== undefined || outcome.result !== "stored") {
      agree(outcome, { result: refusal ?? "stored" }, "a talk");
      return;
    }
    const messageId = earlier?.id ?? this.take(outcome.messageId);
    agree(outcome, { ...this.storedTalk(talk, outcome), writtenHere: outcome.writtenHere }, "a talk");
    if (earlier !== undefined) return;
    for (const account of [sender, ...(talk.toGroup ? [] : [talk.dest])]) this.accounts.add(account);
    const root = this.messages.get(replyTo)?.root ?? messageId;
    const message = { id: messageId, sender, inbox, sendTime: outcome.sendTime, type, replyTo, root, mentions };
    const made = { ...message, body, extra, isEdited: false, isRecalled: false, reactions: new Map() };
    this.messages.set(messageId, made);
    if (clientId !== "") this.keyed.set(`${sender} ${clientId}`, made);
  }

  /** How a talk is answered that is stored with this id at this time, or was before. */
  storedTalk(
    talk: Talk,
    at: { readonly messageId: bigint; readonly sendTime: bigint },
  ): Extract<TalkOutcome, { result: "stored" }> {
    const inbox = nameOf(talk);
    const earlier = this.keyed.get(`${talk.sender} ${talk.clientId}`);
    const messageId = earlier?.id ?? at.messageId;
    return {
      result: "stored",
      messageId,
      sendTime: earlier?.sendTime ?? at.sendTime,
      previousId: this.newestBelow(messageId, this.messages.values(), inbox),
      previousEntryId: this.newestEntryBelow(messageId, inbox),
      groupVersion: this.groups.get(inbox)?.version ?? 0n,
      repeated: earlier !== undefined,
      writtenHere: true,
      madeAccount: !talk.toGroup && !this.accounts.has(talk.dest),
    };
  }

  change(change: MessageChange, outcome: ChangeOutcome): void {
    const { kind, messageId } = change;
    const message = this.messages.get(messageId);
    const expected = this.changeOutcome(change, message);
    if (expected?.result === "unchanged" && kind === "react" && this.isUntold(expected, messageId, outcome)) return;
    if (expected !== undefined || message === undefined || outcome.result !== "stored") {
      agree(outcome, expected ?? { result: "stored" }, `a change (${kind})`);
      return;
    }
    const entry = entryOf(change, message, outcome.entry);
    this.take(entry.id);
    agree(outcome, this.storedChange(change, outcome.entry), `a change (${kind})`);
    this.entries.push(entry);
    apply(change, message, entry);
    if (kind === "recall") this.pins.delete(messageId);
  }

  /** How a change is answered that is stored with this id at this time. */
  storedChange(change: MessageChange, at: { readonly entryId: bigint; readonly time: bigint }): ChangeOutcome {
    const message = this.messages.get(change.messageId);
    if (message === undefined) throw new Error(`there is no message ${change.messageId}`);
    const { id: entryId, inbox, clientId: _, ...told } = entryOf(change, message, at);
    const group = this.groups.get(inbox);
    const place = group === undefined ? { account: inbox, group: "" } : { account: "", group: inbox.slice(1) };
    return {
      result: "stored",
      entry: { ...told, entryId, ...place },
      previousEntryId: this.newestEntryBelow(entryId, inbox),
      groupVersion: group?.version ?? 0n,
    };
  }

  set(setting: ConversationSetting, outcome: SettingOutcome): void {
    const { account, isPinned, isMuted, isHidden, clearUpTo = 0n } = setting;
    const name = nameOf(setting);
    const before = this.settingOf(account, name);
    const clearedTo = max(before.clearedTo, min(clearUpTo, this.lastId));
    const isHiding = isHidden === true && (before.hiddenId === 0n || this.activity(account, name) > before.hiddenId);
    const isShowing = isHidden === false && before.hiddenId > 0n;
    const after = {
      ...before,
      isPinned: isPinned ?? before.isPinned,
      isMuted: isMuted ?? before.isMuted,
      hiddenId: isShowing ? 0n : before.hiddenId,
      clearedTo,
    };
    if (!this.has(account, name)) return agree(outcome, { result: "notFound" }, "a setting");
    if (!isHiding && Bun.deepEquals(before, after)) {
      return agree(outcome, { result: "unchanged", version: before.version }, "a setting");
    }
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, "a setting");
    const version = this.take(outcome.version);
    const changed = { ...after, version, ...(isHiding && { hiddenId: version }) };
    this.settings.getOrInsertComputed(account, () => new Map()).set(name, changed);
  }

  hide({ account, messageIds }: HideRequest, outcome: SettingOutcome): void {
    const hidden = this.hidden.getOrInsertComputed(account, () => new Map<bigint, bigint>());
    const given = messageIds.flatMap((id) => this.messages.get(id) ?? []);
    const shown = given.filter((message) => this.isVisible(account, message));
    if (shown.length === 0) {
      const version = given.reduce((newest, { id }) => max(newest, hidden.get(id) ?? 0n), 0n);
      return agree(outcome, { result: "unchanged", version }, "hiding");
    }
    if (outcome.result !== "stored") return agree(outcome, { result: "stored" }, "hiding");
    const version = this.take(outcome.version);
    for (const { id } of shown) hidden.set(id, version);
  }

  markRead(mark: ReadMark, outcome: ReadOutcome): void {
    const { account, messageId } = mark;
    const name = nameOf(mark);
    const reads = this.reads.getOrInsertComputed(account, () => new Map<string, bigint>());
    const before = reads.get(name) ?? 0n;
    const message = this.messages.get(messageId);
    const isKnown = mark.toGroup ? this.groups.get(name) !== undefined : this.accounts.has(name);
    const isPrivate = !mark.toGroup && this.people.isBlocked(account, mark.dest) ? { isPrivate: true } : {};
    const isHere = message !== undefined && this.mayRead(account, message) && otherOf(account, message) === name;
    const expected: ReadOutcome =
      messageId > this.lastId || messageId < 0n
        ? { result: "future" }
        : isKnown && messageId <= before
          ? { result: "unchanged", readId: before, ...isPrivate }
          : isHere
            ? { result: "moved", readId: messageId, ...isPrivate }
            : { result: "notFound" };
    agree(outcome, expected, "a read cursor");
    if (expected.result === "moved") reads.set(name, messageId);
  }

  acknowledge(account: string, device: string, id: bigint, outcome: "done" | "future"): void {
    const expected = id > this.lastId ? "future" : "done";
    agree(outcome, expected, "an acknowledgement");
    if (expected === "done") this.accounts.add(account);
    const key = `${account} ${device}`;
    if (expected === "done" && id > (this.acks.get(key) ?? 0n)) this.acks.set(key, id);
  }

  create(draft: GroupDraft, outcome: CreateOutcome): void {
    if (outcome.result !== "created") return agree(outcome, { result: "created" }, "a group");
    const { version, time } = outcome;
    const leftOut = draft.members.filter((account) => !this.people.mayAdd(draft.owner, account));
    agree(
      outcome,
      { result: "created", version, leftOut, isAnyFull: false, ...(time !== undefined && { time }) },
      "a group",
    );
    const members = [...new Set([draft.owner, ...draft.members])].filter((account) => !leftOut.includes(account));
    for (const account of [draft.owner, ...draft.members]) this.accounts.add(account);
    this.groups.create(draft, members, this.take(version));
    if (time === undefined) return;
    const made = { kind: entryKind.groupCreated, actor: draft.owner, inbox: `@${draft.id}`, accounts: members };
    this.entries.push(groupEntry(made, { id: version, time }));
  }

  membership(kind: "join" | "quit", change: MembershipChange, outcome: MembershipOutcome): void {
    const refusal = this.groups.membershipRefusal(kind, change);
    if (refusal !== undefined || outcome.result !== "changed") {
      const full = refusal === "full" ? { limit: "groupMembers" } : {};
      return agree(outcome, { result: refusal ?? "changed", ...full }, kind);
    }
    const { actor, account } = change;
    const version = this.take(outcome.version);
    const { entry } = outcome;
    const group = this.groups.of(change);
    const inbox = `@${change.group}`;
    const isQuiet = group.members.size + (kind === "join" ? 1 : -1) > quietMembersMax;
    const expected = { previousEntryId: this.newestEntryBelow(version, inbox), isQuiet };
    const versionBefore = this.groups[kind === "join" ? "enter" : "leave"](group, [account], version);
    const told = entry && { entry: { ...expected, time: entry.time } };
    agree(outcome, { result: "changed", versionBefore, version, ...told }, kind);
    const { groupJoined, groupLeft, groupRemoved } = entryKind;
    this.accounts.add(account);
    if (entry === undefined) return;
    const left = actor === account ? groupLeft : groupRemoved;
    const made = { kind: kind === "join" ? groupJoined : left, actor, inbox, accounts: [account], isQuiet };
    this.entries.push(groupEntry(made, { id: version, time: entry.time }));
  }

  /** Adds entries of a change to the log; how they had to be told. `stored` has their ids and times. */
  storedEntries(drafts: readonly EntryDraft[], stored: readonly StoredEntry[]): StoredEntry[] {
    return drafts.map((draft, at): StoredEntry => {
      const { entryId = 0n, time = 0n } = stored[at]?.entry ?? {};
      const entry = groupEntry(draft, { id: this.take(entryId), time });
      const { inbox, clientId: _, id, isQuiet = false, ...told } = entry;
      const previousEntryId = this.newestEntryBelow(id, inbox);
      this.entries.push(entry);
      const place = inbox.startsWith("@") ? { account: "", group: inbox.slice(1) } : { account: inbox, group: "" };
      return { entry: { ...told, entryId: id, ...place }, previousEntryId, isQuiet };
    });
  }

  /** Whether the account may read the message; own settings do not count. */
  mayRead(account: string, { id, sender, inbox }: ModelMessage): boolean {
    return sender === account || inbox === account || this.groups.isInWindow(account, inbox, id);
  }

  /** Whether the account sees it: not cleared, not hidden. */
  isVisible(account: string, message: ModelMessage): boolean {
    if (!this.mayRead(account, message) || this.hidden.get(account)?.has(message.id) === true) return false;
    return message.id > this.settingOf(account, otherOf(account, message)).clearedTo;
  }

  /** Whether the account has, or had, the conversation. */
  has(account: string, name: string): boolean {
    if (name.startsWith("@")) return this.groups.get(name)?.windows.has(account) === true;
    return this.messages.values().some((message) => isOf(account, name, message));
  }

  /** What the account sees of a conversation, in the order of ids. */
  visible(account: string, name: string): ModelMessage[] {
    return this.messages
      .values()
      .filter((message) => isOf(account, name, message) && this.isVisible(account, message))
      .toArray();
  }

  /** The last visible message or the own last join, whichever is newer; 0n: there is nothing to see. */
  activity(account: string, name: string): bigint {
    const joined = this.groups.get(name)?.windows.get(account)?.at(-1)?.from ?? 0n;
    return max(joined, this.visible(account, name).at(-1)?.id ?? 0n);
  }

  readId(account: string, conversation: { readonly toGroup: boolean; readonly dest: string }): bigint {
    return this.reads.get(account)?.get(nameOf(conversation)) ?? 0n;
  }

  settingOf(account: string, name: string): ModelSetting {
    return this.settings.get(account)?.get(name) ?? noSetting;
  }

  private talkRefusal(talk: Talk, earlier: ModelMessage | undefined): string | undefined {
    const { sender, toGroup, dest, type, body, extra, mentions = [], replyTo = 0n } = talk;
    const inbox = nameOf(talk);
    const group = this.groups.get(inbox);
    if (toGroup && group === undefined) return "notFound";
    if (earlier !== undefined) {
      const isSame = earlier.type === type && earlier.body === body && earlier.extra === extra;
      const isChanged = earlier.isEdited || earlier.isRecalled;
      return earlier.inbox === inbox && (isChanged || isSame) ? undefined : "conflict";
    }
    if (group === undefined && !this.people.mayWrite(sender, dest)) return "unwilling";
    const refusal = group && this.groups.talkRefusal(inbox, sender);
    if (refusal !== undefined) return refusal;
    if (mentions[0] === "*") {
      if (group === undefined || !mayDo("mentionAll", this.groups.standing(group, sender))) return "mentionOfAll";
    } else {
      const isIn = (name: string): boolean => group?.members.has(name) ?? (name === sender || name === dest);
      if (!mentions.every(isIn)) return "mentionOfStranger";
    }
    const parent = this.messages.get(replyTo);
    if (replyTo === 0n) return undefined;
    const isHere = parent !== undefined && this.mayRead(sender, parent) && isOf(sender, inbox, parent);
    return isHere ? undefined : "replyElsewhere";
  }

  /** Undefined: it is stored. */
  private changeOutcome(change: MessageChange, message: ModelMessage | undefined): ChangeOutcome | undefined {
    const { actor, kind } = change;
    if (message === undefined || !this.mayRead(actor, message)) return { result: "notFound" };
    const group = this.groups.get(message.inbox);
    const mayTalk =
      group === undefined
        ? this.people.mayWrite(actor, otherOf(actor, message))
        : this.groups.talkRefusal(message.inbox, actor) === undefined;
    // As who runs a group may do everything that admins may.
    const isAdmin =
      group !== undefined && group.members.size > 0 && mayDo("update", this.groups.standing(group, actor));
    const isAuthor = message.sender === actor;
    const entry = this.entries.findLast(
      ({ refersTo, kind: its }) => refersTo === message.id && its === entryKind.recalled,
    );
    switch (kind) {
      case "edit": {
        const repeated = this.entries.find(
          (each) =>
            each.kind === entryKind.edited &&
            each.refersTo === message.id &&
            each.actor === actor &&
            each.clientId === change.clientId,
        );
        if (change.clientId !== "" && repeated !== undefined) return unchangedBy(repeated);
        if (!isAuthor || !mayTalk) return { result: "forbidden" };
        if (message.isRecalled) return { result: "recalled" };
        return change.windowMs === 0 ? { result: "late" } : undefined;
      }
      case "recall":
        if (!isAuthor && !isAdmin) return { result: "forbidden" };
        if (message.isRecalled) return unchangedBy(entry);
        return isAdmin || change.windowMs > 0 ? undefined : { result: "late" };
      case "react": {
        if (!mayTalk) return { result: "forbidden" };
        if (message.isRecalled) return { result: "recalled" };
        const accounts = message.reactions.get(change.reaction);
        const mine = accounts?.get(actor);
        const last = this.entries.findLast(
          (each) => each.refersTo === message.id && each.actor === actor && each.reaction === change.reaction,
        );
        if ((mine !== undefined) !== change.isOff) return unchangedBy(last);
        const isFull = accounts === undefined && message.reactions.size >= reactionKindsMax;
        return isFull ? { result: "full" } : undefined;
      }
    }
  }

  /** Whether the entry of a reaction is old, and not told: a store may look among the newest entries only. */
  private isUntold(expected: { readonly entryId: bigint }, messageId: bigint, outcome: ChangeOutcome): boolean {
    const inbox = this.entries.find(({ id }) => id === expected.entryId)?.inbox;
    const newer = this.entries.filter(
      (each) => each.id > expected.entryId && (each.refersTo === messageId || each.inbox === inbox),
    );
    return newer.length >= 64 && outcome.result === "unchanged" && outcome.entryId === 0n;
  }

  /** Of those that are not quiet; 0n if there is none. */
  newestEntryBelow(id: bigint, inbox: string): bigint {
    const loud = this.entries.values().filter(({ isQuiet }) => isQuiet !== true);
    return this.newestBelow(id, loud, inbox);
  }

  private newestBelow(
    id: bigint,
    among: Iterable<{ readonly id: bigint; readonly inbox: string }>,
    inbox: string,
  ): bigint {
    let newest = 0n;
    for (const each of among) if (each.inbox === inbox && each.id < id) newest = max(newest, each.id);
    return newest;
  }

  /** Takes a new id of the store. */
  take(id: bigint): bigint {
    if (id <= this.lastId) throw new Error(`the id ${id} is not greater than ${this.lastId}, which was before it`);
    this.lastId = id;
    return id;
  }
}
