// What a signed-in account sees: its conversations, and the one that is open.

import { type ReadonlySignal, batch, computed, effect, signal } from "@preact/signals";
import { Community } from "../../sdk/community/community.ts";
import type { ChatMessage, ConversationState, Messenger, Partner } from "../../sdk/messenger/messenger.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";
import { Drafts } from "./drafts.ts";
import { MediaShelf } from "./media.ts";
import { People, watchedMax } from "./people.ts";
import { Room } from "./room.ts";

/** The bound on accounts of the list whose names a search asks for; the library keeps twice as many. */
const namedMax = 1_000;

/** A message of somebody else that has just come. */
export interface News {
  readonly partner: Partner;
  readonly sender: string;
  readonly body: string;
}

export class Chat {
  readonly client: Messenger;
  readonly community: Community;
  readonly me: string;
  readonly people: People;
  readonly drafts: Drafts;
  readonly media: MediaShelf;
  readonly conversations = signal<readonly ConversationState[]>([]);
  readonly hasMore = signal(false);
  readonly isListReady = signal(false);
  readonly room = signal<Room | undefined>(undefined);
  /** Whether the details of the open conversation stand beside it. */
  readonly areDetailsOpen = signal(false);
  /** What the list shows only rows of that match. */
  readonly wanted = signal("");
  /** Waiting messages may be lost with the page. */
  readonly isOutboxLost = signal(false);
  readonly unread: ReadonlySignal<number>;
  /** Called for each message of somebody else in a conversation that is not muted. */
  onNews: (news: News) => void = () => undefined;
  private isLoadingMore = false;
  private readonly endings: (() => void)[] = [];

  constructor(client: Messenger) {
    this.client = client;
    this.community = Community.of(client);
    this.me = client.account;
    this.people = new People(this.community);
    this.drafts = new Drafts(this.me);
    this.media = new MediaShelf(client);
    this.unread = computed(() =>
      this.conversations.value.reduce((sum, { unread, isMuted }) => sum + (isMuted ? 0 : unread), 0),
    );
    const show = (): void => this.show();
    client.conversations.ready().then(show, show);
    this.endings.push(
      client.on("conversationsChanged", show),
      client.on("online", () => {
        void this.media.ask();
        client.conversations.ready().then(show, show);
        if (this.room.peek()?.phase.peek() === "failed") void this.room.peek()?.load();
      }),
      client.on("outboxChanged", () => this.room.peek()?.showPending()),
      client.on("outboxFailed", () => void (this.isOutboxLost.value = true)),
      client.on("message", ({ sender, group, body, isOffline }) => {
        if (sender === this.me || isOffline) return;
        const partner = group === "" ? { account: sender } : { group };
        if (client.conversations.get(partner)?.isMuted !== true) this.onNews({ partner, sender, body });
      }),
      this.community.on("typing", ({ partner }) => {
        const room = this.room.peek();
        if (room?.key === keyOf(partner)) room.typists.value = this.community.typists(partner);
      }),
      effect(() => this.people.follow(this.shownAccounts())),
    );
  }

  /** Rows of the list: those that match what is searched in accounts, last lines, and names of the first 1,000. */
  get shown(): readonly ConversationState[] {
    const wanted = this.wanted.value.trim().toLowerCase();
    const all = this.conversations.value;
    if (wanted === "") return all;
    const fits = (text: string): boolean => text.toLowerCase().includes(wanted);
    return all.filter(
      ({ partner, key, lastMessage }, at) =>
        fits(key.slice(2)) ||
        fits(lastMessage?.body ?? "") ||
        ((at < namedMax || "group" in partner) && fits(this.people.titleOf(partner))),
    );
  }

  /** Opens a conversation; the same one stays as it is. */
  open(partner: Partner): void {
    const key = keyOf(partner);
    if (this.room.peek()?.key === key) return;
    const room = new Room(this, partner, key);
    batch(() => {
      this.leaveRoom();
      this.room.value = room;
    });
    void room.load();
  }

  leaveRoom(): void {
    this.room.peek()?.close();
    this.room.value = undefined;
    this.areDetailsOpen.value = false;
  }

  /** The state of a conversation in the list. */
  stateOf(key: string): ConversationState | undefined {
    return this.conversations.value.find((state) => state.key === key);
  }

  /** Loads more of the list, once at a time. Without a connection, the next sign-in reads what was loaded. */
  async loadMore(): Promise<void> {
    if (this.isLoadingMore) return;
    this.isLoadingMore = true;
    await this.client.conversations.loadMore().catch(() => undefined);
    this.isLoadingMore = false;
    this.show();
  }

  /** Whether this account may take a message back, as far as the page knows: the server decides. */
  mayRecall({ sender, state }: ChatMessage): boolean {
    const partner = this.room.value?.partner;
    if (state !== "stored" || partner === undefined) return false;
    const role = "group" in partner ? this.people.groupOf(partner.group)?.role : undefined;
    return sender === this.me || (role !== undefined && role !== "member");
  }

  /** Whether this account may pin messages for everybody in the open conversation. */
  mayPin(): boolean {
    const partner = this.room.value?.partner;
    if (partner === undefined) return false;
    return !("group" in partner) || (this.people.groupOf(partner.group)?.role ?? "member") !== "member";
  }

  /** Ends the connection; `isForgotten`: and what the tab keeps of this account. */
  async close(isForgotten: boolean): Promise<void> {
    for (const end of this.endings) end();
    this.leaveRoom();
    this.media.close();
    if (isForgotten) this.drafts.clear();
    await this.client.close();
  }

  private show(): void {
    const { conversations } = this.client;
    batch(() => {
      this.conversations.value = conversations.items;
      this.hasMore.value = conversations.hasMore;
      this.isListReady.value ||= conversations.isReady;
    });
  }

  /** Those whose presence the page shows: of the open conversation, and of the first ones of the list. */
  private shownAccounts(): readonly string[] {
    const partners = [this.room.value, ...this.conversations.value.slice(0, watchedMax)].map((one) => one?.partner);
    const accounts = partners.flatMap((partner) => (partner && "account" in partner ? [partner.account] : []));
    return [...new Set(accounts)].filter((account) => account !== this.me);
  }
}

/** The partner of a key; undefined if it is none. */
export function partnerOf(key: unknown): Partner | undefined {
  if (typeof key !== "string" || key.length < 3) return undefined;
  if (key.startsWith("g:")) return { group: key.slice(2) };
  return key.startsWith("u:") ? { account: key.slice(2) } : undefined;
}
