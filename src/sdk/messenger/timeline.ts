// A live view of a conversation's newest messages. What happens while a page is on its way counts for its messages,
// too: removed ones stay away, and changed ones are fetched after it.

import type { Environment } from "../environment.ts";
import type { Ask } from "./ask.ts";
import { blank } from "./chat-message.ts";
import { readHistory } from "./history.ts";
import type { ChatMessage, HistoryPage, Timeline } from "./messenger-types.ts";
import type { PartnerNames } from "./partner.ts";

export interface TimelineOwner {
  readonly ask: Ask;
  readonly environment: Environment;
  shown(message: ChatMessage): ChatMessage;
  /** What the outbox has for this conversation. */
  pending(): readonly ChatMessage[];
  /** Has a message fetched, which comes by `refreshed`. */
  fetch(id: bigint): void;
  closed(timeline: LiveTimeline): void;
}

export class LiveTimeline implements Timeline {
  private readonly owner: TimelineOwner;
  private readonly names: PartnerNames;
  private readonly limit: number;
  private readonly handlers = new Set<() => void>();
  private stored: readonly ChatMessage[] = [];
  private cached: readonly ChatMessage[] | undefined;
  private more = false;
  private loading: Promise<void> | undefined;
  /** While a page is on its way: what has changed, and what is gone. */
  private readonly changedIds = new Map<bigint, { isRecalled: boolean }>();
  private readonly goneIds = new Set<bigint>();
  private clearedTo = 0n;
  /** The newest page is to be read, and was not yet. */
  private stale = false;
  private isTold = true;
  private isClosed = false;

  constructor(owner: TimelineOwner, names: PartnerNames, limit: number) {
    this.owner = owner;
    this.names = names;
    this.limit = limit;
  }

  get messages(): readonly ChatMessage[] {
    this.cached ??= [...this.stored.map((message) => this.owner.shown(message)), ...this.owner.pending()];
    return this.cached;
  }

  get hasBefore(): boolean {
    return this.more;
  }

  /** Loads an older page. */
  async loadBefore(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    const [first] = this.stored;
    if (first === undefined || !this.more) return;
    await this.load(first.id, (page) => [...page, ...this.stored]);
  }

  /** Whether a `reload` has failed. */
  get isStale(): boolean {
    return this.stale;
  }

  /** Drops what is loaded for the newest page. */
  async reload(): Promise<void> {
    this.stale = true;
    while (this.loading !== undefined) await this.loading;
    if (this.isClosed) return;
    const former = this.stored.at(-1)?.id ?? 0n;
    await this.load(0n, (page) => {
      const last = page.at(-1)?.id ?? 0n;
      // Those that have arrived since the page was asked for.
      return [...page, ...this.stored.filter(({ id }) => id > last && id > former)];
    });
    this.stale = false;
  }

  onChange(handler: () => void): () => void {
    this.handlers.add(handler);
    return () => void this.handlers.delete(handler);
  }

  close(): void {
    this.isClosed = true;
    this.handlers.clear();
    this.owner.closed(this);
  }

  has(id: bigint): boolean {
    return this.loading !== undefined || this.stored.some((message) => message.id === id);
  }

  arrived(message: ChatMessage): void {
    const [first] = this.stored;
    if (this.isClosed || (first !== undefined && message.id < first.id && this.more)) return;
    if (message.id <= this.clearedTo || this.stored.some(({ id }) => id === message.id)) return;
    this.set(sorted([...this.stored, message]));
  }

  /** A message has changed: `contents` are fetched, except for a recalled one's, which is empty at once. */
  changed(id: bigint, isRecalled: boolean): void {
    if (this.loading !== undefined)
      this.changedIds.set(id, { isRecalled: isRecalled || this.changedIds.get(id)?.isRecalled === true });
    if (isRecalled) this.set(this.stored.map((message) => (message.id === id ? blank(message) : message)));
  }

  /** A message as it is now; undefined if this account does not see it any more. */
  refreshed(id: bigint, now: ChatMessage | undefined): void {
    if (!this.stored.some((message) => message.id === id)) return;
    if (now === undefined) this.remove([id]);
    else this.set(this.stored.map((message) => (message.id === id ? { ...now, clientId: message.clientId } : message)));
  }

  remove(ids: readonly bigint[]): void {
    if (this.loading !== undefined) for (const id of ids) this.goneIds.add(id);
    const rest = this.stored.filter(({ id }) => !ids.includes(id));
    if (rest.length < this.stored.length) this.set(rest);
  }

  clear(upTo: bigint): void {
    if (upTo <= this.clearedTo) return;
    this.clearedTo = upTo;
    this.set(this.stored.filter(({ id }) => id > upTo));
    const [first] = this.stored;
    if (first === undefined || first.id > upTo) this.more = false;
  }

  /** Something else that is shown has changed: tells of it once a turn. */
  note(): void {
    this.cached = undefined;
    if (!this.isTold) return;
    this.isTold = false;
    this.owner.environment.after(0, () => {
      this.isTold = true;
      for (const handler of this.handlers) {
        try {
          handler();
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    });
  }

  private async load(before: bigint, join: (page: readonly ChatMessage[]) => readonly ChatMessage[]): Promise<void> {
    const reading = readHistory(this.owner.ask, { ...this.names, limit: this.limit, before });
    this.loading = reading.then(
      () => undefined,
      () => undefined,
    );
    try {
      this.joined(await reading, join);
    } finally {
      this.loading = undefined;
      this.changedIds.clear();
      this.goneIds.clear();
    }
  }

  private joined(page: HistoryPage, join: (page: readonly ChatMessage[]) => readonly ChatMessage[]): void {
    if (this.isClosed) return;
    this.more = page.hasBefore;
    const all = new Map(join(page.messages).map((message) => [message.id, message]));
    for (const id of this.goneIds) all.delete(id);
    for (const [id, { isRecalled }] of this.changedIds) {
      const message = all.get(id);
      if (message === undefined) continue;
      if (isRecalled) all.set(id, blank(message));
      this.owner.fetch(id);
    }
    this.set(sorted([...all.values()].filter(({ id }) => id > this.clearedTo)));
  }

  private set(stored: readonly ChatMessage[]): void {
    this.stored = stored;
    this.note();
  }
}

const sorted = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
  messages.toSorted((one, other) => (one.id < other.id ? -1 : 1));
