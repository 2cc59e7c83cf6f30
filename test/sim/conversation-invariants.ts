// What a cluster has promised of conversations once all trouble is over: every client with the feature knows every
// entry, shows every text as it is, has its account's view of conversations, and counts what is not read as the list
// does.

import { Command, type CommandName } from "../../src/wire/commands.ts";
import { type ConversationName, type Entry, entryKind } from "../../src/store/conversations.ts";
import type { Confirmed } from "./confirmed.ts";
import type { Database } from "./database.ts";
import type { Phone } from "./phone.ts";
import { keyOf, type Known } from "./phone-disk.ts";
import type { StoredMessage } from "./stored-messages.ts";

interface Parts {
  readonly phones: readonly Phone[];
  readonly leavers: readonly Phone[];
  readonly database: Database;
  readonly confirmed: Confirmed;
}

/** What entries are, by the commands that make them. */
const kinds: ReadonlyMap<CommandName, number> = new Map([
  [Command.MessageEdit, entryKind.edited],
  [Command.MessageRecall, entryKind.recalled],
  [Command.MessageReact, entryKind.reacted],
  [Command.GroupRole, entryKind.groupRole],
  [Command.GroupMute, entryKind.groupMuted],
  [Command.GroupUpdate, entryKind.groupSettings],
  [Command.GroupAlias, entryKind.groupAlias],
]);
/** Those of changes of membership, which are no wishes. */
const memberKinds: ReadonlySet<number> = new Set([entryKind.groupJoined, entryKind.groupLeft, entryKind.groupRemoved]);

export class ConversationInvariants {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** What is not as it was promised. */
  differences(): readonly string[] {
    const clients = this.parts.phones.filter(({ hasFeature }) => hasFeature);
    return [
      ...this.lostEntries(),
      ...clients.flatMap((phone) => [
        ...this.unknownEntries(phone),
        ...this.wrongTexts(phone),
        ...this.wrongReads(phone),
        // What one that has left for good has changed, and was never told of, its other devices need not know.
        ...(this.hasUnanswered(phone.account) ? [] : [...this.wrongState(phone), ...this.wrongUnread(phone)]),
      ]),
    ];
  }

  /** Every confirmed entry is stored, and every edit once. */
  private lostEntries(): string[] {
    const { confirmed, database } = this.parts;
    const { entries, edits } = database.changes;
    const stored = new Set(entries.map(({ entryId }) => entryId));
    const texts = [...edits.values()];
    return [
      ...[...confirmed.entries]
        .filter((id) => !stored.has(id))
        .map((id) => `the entry ${id} was confirmed, and is lost`),
      ...texts.filter((text, at) => texts.indexOf(text) !== at).map((text) => `${text} is stored twice`),
    ];
  }

  private unknownEntries(phone: Phone): string[] {
    const { changes } = this.parts.database;
    return (
      changes.entries
        .filter((entry) => changes.concerns(entry, phone.account, true) && !phone.disk.entries.has(entry.entryId))
        // The database itself has made the group.
        .filter(({ kind }) => kind !== entryKind.groupCreated)
        .filter((entry) => !this.hasLeft(phone, namedBy(entry)) && !this.isUnanswered(entry))
        .map(({ entryId, kind, actor }) => `${phone.label} does not know of the entry ${entryId} (${kind} by ${actor})`)
    );
  }

  private wrongTexts(phone: Phone): string[] {
    const { messages, views, changes } = this.parts.database;
    // Who was not in the group when a message was changed need not know.
    const untold = new Set(
      changes.entries
        .filter((entry) => this.isUnanswered(entry) || !changes.concerns(entry, phone.account, true))
        .map(({ refersTo }) => refersTo),
    );
    const isWrong = ({ messageId, text, ...name }: Known): boolean => {
      const message = messages.get(messageId);
      if (message === undefined || untold.has(messageId) || this.hasLeft(phone, name)) return false;
      return views.isSeen(message, phone.account) && message.body !== text;
    };
    return [...phone.disk.known.values()]
      .filter(isWrong)
      .map(
        ({ messageId, text }) => `${phone.label} shows ${text} (${messageId}) and not ${messages.get(messageId)?.body}`,
      );
  }

  /** The account and, where it is direct, the partner have been told how far it has read. */
  private wrongReads(phone: Phone): string[] {
    const { views } = this.parts.database;
    const { account, disk, label } = phone;
    const wrong: string[] = [];
    const compare = (who: string, reader: string, name: ConversationName, known: bigint): void => {
      const readId = views.readId(reader, name);
      if (known === readId || (known > readId && views.hasLost(reader, name))) return;
      if (!this.hasUnanswered(reader))
        wrong.push(`${label} takes ${known} for how far ${who} has read ${keyOf(name)}, and not ${readId}`);
    };
    // A conversation of which nothing is to be seen is not listed, and its cursors with it.
    for (const name of this.names(phone).filter((each) => disk.followed.has(keyOf(each)))) {
      const { own, peer } = disk.reads(name);
      compare("it", account, name, own);
      if (!name.toGroup && !this.parts.confirmed.mayBlock(name.dest, account))
        compare("its partner", name.dest, { toGroup: false, dest: account }, peer);
    }
    return wrong;
  }

  private wrongState({ account, disk, label }: Phone): string[] {
    const { settings, hiddenMessages, blocks = [] } = this.parts.database.accountState(account, 0n, Infinity);
    const wrong = settings.flatMap(({ version, isPinned, isMuted, hiddenId, clearedTo, ...name }) => {
      const known = disk.settings.get(keyOf(name));
      const isSame =
        known?.version === version &&
        known.pinned === isPinned &&
        known.muted === isMuted &&
        known.hiddenId === hiddenId &&
        known.clearedTo === clearedTo;
      return isSame ? [] : [`${label} has not the setting ${version} of ${keyOf(name)}`];
    });
    const missing = hiddenMessages.filter((messageId) => !disk.hidden.has(messageId));
    const unblocked = blocks.filter((block) => disk.blocks.get(block.account)?.version !== block.version);
    return [
      ...wrong,
      ...missing.map((messageId) => `${label} does not know that ${messageId} is hidden`),
      ...unblocked.map((block) => `${label} has not the block ${block.version} of ${block.account}`),
    ];
  }

  /** The list counts as the client does by what it knows. */
  private wrongUnread(phone: Phone): string[] {
    const { disk, account, label } = phone;
    const { messages, views } = this.parts.database;
    // What was never answered may be stored, and pushed to nobody.
    const unanswered = new Set(this.parts.leavers.flatMap(({ outbox }) => outbox.map(({ name }) => name)));
    return this.names(phone).flatMap((name) => {
      const listed = disk.listed.get(keyOf(name));
      if (listed === undefined) return [];
      const isUntold = (message: StoredMessage): boolean =>
        message.messageId > listed.readId &&
        unanswered.has(message.said) &&
        !disk.known.has(message.messageId) &&
        messages.isIn(message, account, name) &&
        views.isSeen(message, account);
      const unread = disk.unread(account, name, listed.readId) + messages.all.filter(isUntold).length;
      return unread === listed.unread
        ? []
        : [`${label} is listed ${listed.unread} unread messages of ${keyOf(name)}, and knows of ${unread}`];
    });
  }

  /** The conversations that a client knows, and may hear of. */
  private names(phone: Phone): readonly ConversationName[] {
    const all = new Map([...phone.disk.known.values()].map((each) => [keyOf(each), each]));
    return [...all.values()].filter((name) => !this.hasLeft(phone, name));
  }

  private hasLeft({ account }: Phone, { toGroup, dest }: ConversationName): boolean {
    return toGroup && !this.parts.database.groups.isMember(dest, account);
  }

  /** One of its clients left before it was answered. */
  private hasUnanswered(account: string): boolean {
    return this.parts.leavers.some((phone) => phone.account === account && phone.wishes.length > 0);
  }

  /** Whoever made it left before it was answered: then nobody need have been told. */
  private isUnanswered({ actor, refersTo, kind }: Entry): boolean {
    return this.parts.leavers.some(
      ({ account, wishes, steps }) =>
        account === actor &&
        (wishes.some(({ command, messageId }) => messageId === refersTo && kinds.get(command) === kind) ||
          (steps.length > 0 && memberKinds.has(kind))),
    );
  }
}

function namedBy({ account, group }: Entry): ConversationName {
  return group === "" ? { toGroup: false, dest: account } : { toGroup: true, dest: group };
}
