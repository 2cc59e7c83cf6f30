// The conversations of a terminal client that is signed in: the current one, and what commands do.

import { namedText } from "../../base/printable.ts";
import { dropOldest } from "../../sdk/bounded.ts";
import { RequestRefused } from "../../sdk/client-errors.ts";
import type { GroupChange } from "../../sdk/community/community-types.ts";
import { Community, type Group } from "../../sdk/community/community.ts";
import type { Conversation, Messenger } from "../../sdk/messenger/messenger.ts";
import type { ChatMessage, Draft, Partner } from "../../sdk/messenger/messenger-types.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";
import { shownMax } from "./absence.ts";
import type { ChatContext } from "./chat-context.ts";
import { CommandError } from "./command-error.ts";
import { complaintOf, noConnection } from "./complaint.ts";
import { ConversationView } from "./conversation-view.ts";
import { GroupNames } from "./group-names.ts";
import { ReadMarks } from "./read-marks.ts";
import type { Screen } from "./screen.ts";
import { MentionedMembers } from "./mentioned-members.ts";
import type { Patience } from "./patience.ts";
import { typingText } from "./people-format.ts";
import { ProfileNames } from "./profile-names.ts";
import { promptText } from "./prompt-text.ts";
import { Sender } from "./sender.ts";
import { type Shown, ShownMessages } from "./shown-messages.ts";

/** How long the entry of a change is waited for after its answer, in milliseconds. */
const entryMs = 2_000;
/** The bound on entries that come while a change is answered, and on groups of which a command has told. */
const entriesMax = 1_000;

/** The kinds of entries that tell who is in a group. */
const membershipKinds: ReadonlySet<GroupChange["kind"]> = new Set<GroupChange["kind"]>([
  ...(["created", "joined", "left", "removed", "dismissed"] as const),
]);

interface TalkOptions {
  readonly messenger: Messenger;
  readonly screen: Screen;
  /** Of scripts. */
  readonly patience: Patience;
  /** Runs `work` after all earlier output. */
  readonly inOrder: (work: () => Promise<void>) => void;
}

export class Talk implements ChatContext {
  readonly messenger: Messenger;
  readonly community: Community;
  readonly screen: Screen;
  readonly names: GroupNames;
  readonly shown = new ShownMessages();
  readonly view: ConversationView;
  readonly sender: Sender;
  private readonly members: MentionedMembers;
  private readonly patience: Patience;
  /** What commands have said already of this account's membership, by group: its entry is still to come. */
  private readonly said = new Map<string, GroupChange["kind"]>();

  constructor({ messenger, screen, patience, inOrder }: TalkOptions) {
    this.messenger = messenger;
    this.community = Community.of(messenger);
    this.screen = screen;
    this.patience = patience;
    const { community } = this;
    this.names = new GroupNames(
      async (id) => (await community.group(id).detail()).name,
      () => this.listedGroups(),
    );
    const { names, shown } = this;
    const marks = new ReadMarks(messenger);
    const people = new ProfileNames(community, screen.isTerminal);
    this.view = new ConversationView({ messenger, screen, names, people, shown, marks });
    this.sender = new Sender(messenger, screen, (partner, message) =>
      inOrder(async () => screen.print(...(await this.view.linesOf(partner, message)))),
    );
    this.members = new MentionedMembers(messenger, community);
  }

  get partner(): Partner | undefined {
    return this.view.partner;
  }

  async enter(partner: Partner): Promise<void> {
    const former = this.view.partner;
    this.view.partner = partner;
    let messages: readonly ChatMessage[];
    try {
      messages = await this.lastMessages(partner);
    } catch (error) {
      if (this.screen.isTerminal && !(error instanceof RequestRefused)) {
        await this.screen.print(`* earlier messages are not shown: ${complaintOf(error)}`);
        return;
      }
      this.view.partner = former;
      throw error;
    }
    // Perhaps the name is wrong: an account need not have signed in to be written to.
    if (messages.length === 0 && this.screen.isTerminal && "account" in partner)
      await this.screen.print(`* no messages with ${namedText(partner.account)} yet`);
    await this.view.show(messages);
  }

  async enterGroup(nameOrId: string): Promise<void> {
    const found = await this.names.find(nameOrId);
    if ("refusal" in found) throw new CommandError(found.refusal);
    await this.enter({ group: found.id });
  }

  leave(): void {
    this.view.partner = undefined;
  }

  conversation(): Conversation {
    const { partner } = this;
    if (partner !== undefined) return this.messenger.conversation(partner);
    throw new CommandError("no conversation; go to one with /to ACCOUNT or /group use NAME");
  }

  group(): Group {
    const { partner } = this;
    if (partner !== undefined && "group" in partner) return this.community.group(partner.group);
    throw new CommandError("this is no group; go to one with /group use NAME, /groups lists yours");
  }

  async showPinned(): Promise<void> {
    const { partner } = this.conversation();
    const messages = await this.community.pinnedMessages(partner);
    if (messages.length === 0) return this.screen.print("* nothing is pinned here; /pin #N pins a message");
    const lines = [];
    // The newest pin stands last, where the eye is.
    for (const message of messages.toReversed()) lines.push(...(await this.view.linesOf(partner, message)));
    return this.screen.print(...lines);
  }

  async told(work: () => Promise<bigint | undefined>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const come = new Set<bigint>();
    let wanted: bigint | undefined;
    // It may come before the answer.
    const note = ({ entryId }: { readonly entryId: bigint }): void => {
      come.add(entryId);
      dropOldest(come, entriesMax);
      if (entryId === wanted) resolve(true);
    };
    const stops = [this.community.on("groupChanged", note), this.community.on("messagePinned", note)];
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      wanted = await work();
      if (wanted === 0n) await this.screen.print("* nothing has changed");
      if (wanted === undefined || wanted === 0n || come.has(wanted)) return;
      timer = setTimeout(() => resolve(false), entryMs);
      if (!(await promise)) await this.screen.print("* it is done; what has changed is told here later");
    } finally {
      clearTimeout(timer);
      for (const stop of stops) stop();
    }
  }

  doneHere(group: string, kind: GroupChange["kind"]): () => void {
    this.said.set(group, kind);
    dropOldest(this.said, entriesMax);
    return () => void this.said.delete(group);
  }

  /**
   * Whether a command has said it already. The next change of this account's membership is the one that was said: if it
   * is another one, what was said was so before, and has left no entry.
   */
  isDoneHere({ group, kind, actor, accounts, count }: GroupChange): boolean {
    const { account } = this.messenger;
    // Of more accounts than an entry names, this one may be one; a dismissed group is everybody's.
    const isMine = accounts.includes(account) || count > accounts.length || kind === "created" || kind === "dismissed";
    if (!isMine || !membershipKinds.has(kind)) return false;
    const said = this.said.get(group);
    this.said.delete(group);
    return said === kind && actor === account;
  }

  message(number: number | undefined, isMeant: (shown: Shown) => boolean): Shown {
    const found = number === undefined ? this.shown.newest(isMeant) : this.shown.byNumber(number);
    if (found !== undefined) return found;
    if (number === undefined) throw new CommandError("no such message here; name one by the number beside it, as #3");
    throw new CommandError(`no message #${number}; the numbers are those beside the messages`);
  }

  async send({ body, ...rest }: Draft): Promise<void> {
    const { partner, messenger } = this;
    if (partner === undefined) throw new CommandError("no receiver; name one with /to ACCOUNT or /group use NAME");
    const draft = { body, ...rest, mentions: await this.members.mentionsIn(body, partner) };
    // A script wants to know whether a line is stored before it ends; a person may wait, and try again.
    if (this.screen.isTerminal) return this.sender.send(partner, draft);
    this.view.sent(partner, draft, await this.patience.talk(messenger, partner, draft));
  }

  listReady(): Promise<void> {
    return listReady(this.messenger);
  }

  /** Counts the unread messages of other conversations that are not muted. */
  unreadElsewhere(): number {
    let unread = 0;
    for (const { key, isMuted, unread: theirs } of this.messenger.conversations)
      if (!isMuted && (this.partner === undefined || key !== keyOf(this.partner))) unread += theirs;
    return unread;
  }

  /** Returns the prompt, with the number of unread messages elsewhere. */
  async prompt(): Promise<string> {
    const { partner } = this;
    const unread = this.unreadElsewhere();
    const name =
      partner === undefined
        ? ""
        : "account" in partner
          ? namedText(partner.account)
          : `[${await this.names.shownName(partner.group)}]`;
    const typing = partner === undefined ? "" : typingText(this.community, partner);
    const elsewhere = unread === 0 ? "" : `+${unread.toLocaleString("en-US")}`;
    return promptText(name, [typing, elsewhere], this.screen.columns);
  }

  /** Groups look different: notes their names, if the list has them. */
  noteGroups(ids: Iterable<string>): void {
    for (const id of ids) {
      const state = this.community.groups.get(id);
      if (state !== undefined) this.names.learn(id, state.name);
    }
  }

  /** Returns the ids of this account's groups. */
  private async listedGroups(): Promise<string[]> {
    if (!this.messenger.isOnline) throw new CommandError(noConnection);
    const { groups } = this.community;
    await groups.ready();
    for (const { id, name } of groups) this.names.learn(id, name);
    return [...groups].map(({ id }) => id);
  }

  /** Returns the last messages of a conversation, new ones, too. */
  private async lastMessages(partner: Partner): Promise<readonly ChatMessage[]> {
    const { messenger } = this;
    if (this.screen.isTerminal) await this.listReady();
    for await (const { messages } of messenger.conversation(partner).history({ limit: shownMax })) return messages;
    return [];
  }
}

/** Resolves when the list of conversations is loaded; rejects once there is no connection. */
async function listReady(messenger: Messenger): Promise<void> {
  if (!messenger.isOnline) throw new CommandError(noConnection);
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = messenger.on("offline", () => reject(new CommandError(noConnection)));
  await Promise.race([messenger.conversations.ready(), promise]).finally(stop);
}
