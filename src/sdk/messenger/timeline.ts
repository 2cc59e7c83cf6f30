// A live view of a conversation's newest messages. What happens while a page is on its way counts for its messages,
// too: removed ones stay away, and changed ones are fetched after it.

import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import { blank } from "./chat-message.ts";
import { readHistory } from "./history.ts";
import type { ChatMessage, HistoryPage, Partner, Timeline } from "./messenger-types.ts";
import { namesOf } from "./partner.ts";

/** Above all ids. */
const idMax = 1n << 63n;
/** What is read again in large pages, and at most how many of them: what is shown beyond is dropped. */
const pageMax = 200;
const pagesMax = 10;

export interface TimelineOwner {
  readonly ask: Ask;
  readonly environment: Environment;
  /** With the changes that the server has not confirmed; undefined if it is not shown. */
  shown(partner: Partner, message: ChatMessage): ChatMessage | undefined;
  /** What the outbox has for a conversation. */
  pending(partner: Partner): readonly ChatMessage[];
  /** Has a message fetched, which comes by `refreshed`. */
  fetch(id: bigint): unknown;
}

export class LiveTimeline implements Timeline {
  private readonly owner: TimelineOwner;
  readonly partner: Partner;
  private readonly limit: number;
  private readonly closed: () => unknown;
  private readonly handlers = new Set<() => void>();
  hasBefore = false;
  /** It is to be read again. */
  isStale = false;
  private stored: readonly ChatMessage[] = [];
  private cached: readonly ChatMessage[] | undefined;
  private loading: Promise<unknown> | undefined;
  /** What has changed while a page is on its way, and whether it was recalled. */
  private readonly crossing = new Map<bigint, boolean>();
  private isTold = true;
  private isClosed = false;

  constructor(owner: TimelineOwner, partner: Partner, limit: number, closed: () => unknown) {
    this.owner = owner;
    this.partner = partner;
    this.limit = limit;
    this.closed = closed;
  }

  get messages(): readonly ChatMessage[] {
    const { owner, partner, stored } = this;
    return (this.cached ??= [
      ...stored.map((message) => owner.shown(partner, message)).filter((message) => message !== undefined),
      ...owner.pending(partner),
    ]);
  }

  /** Loads an older page. */
  async loadBefore(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (!this.hasBefore) return;
    const { ask } = this.owner;
    await this.load(this.page(ask, this.stored[0]?.id ?? 0n), (page) => [...page, ...this.stored]);
  }

  /** Reads the newest page, and what is shown, as it is now. */
  async reload(ask: Ask): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (this.isClosed) return;
    this.isStale = true;
    const former = this.stored.at(-1)?.id ?? 0n;
    await this.load(this.newest(ask, this.stored[0]?.id ?? idMax), (page) => {
      const last = page.at(-1)?.id ?? 0n;
      // Those that have arrived since the page was asked for.
      return [...page, ...this.stored.filter(({ id }) => id > last && id > former)];
    });
    this.isStale = false;
  }

  onChange(handler: () => void): () => void {
    this.handlers.add(handler);
    return () => void this.handlers.delete(handler);
  }

  close(): void {
    this.isClosed = true;
    this.handlers.clear();
    this.closed();
  }

  has(id: bigint): boolean {
    return this.loading !== undefined || this.stored.some((message) => message.id === id);
  }

  arrived(message: ChatMessage): void {
    const [first] = this.stored;
    if (this.isClosed || (first !== undefined && message.id < first.id && this.hasBefore)) return;
    if (this.stored.some(({ id }) => id === message.id)) return;
    this.set(sorted([...this.stored, message]));
  }

  /** A message has changed: `contents` are fetched, except for a recalled one's, which is empty at once. */
  changed(id: bigint, isRecalled: boolean): void {
    if (this.loading !== undefined) this.crossing.set(id, isRecalled || this.crossing.get(id) === true);
    if (isRecalled) this.set(this.stored.map((message) => (message.id === id ? blank(message) : message)));
  }

  /** A message as it is now. */
  refreshed(now: ChatMessage): void {
    const { id } = now;
    if (!this.stored.some((message) => message.id === id)) return;
    this.set(this.stored.map((message) => (message.id === id ? { ...now, clientId: message.clientId } : message)));
  }

  /** The ids of what is loaded up to a message. */
  upTo(upTo: bigint): readonly bigint[] {
    return this.stored.map(({ id }) => id).filter((id) => id <= upTo);
  }

  /** Some messages are gone; everything up to `clearedTo` is, also what is not loaded. */
  prune(clearedTo = 0n): void {
    if (this.upTo(clearedTo).length > 0) this.hasBefore = false;
    this.note();
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

  private page(ask: Ask, before: bigint, limit = this.limit): Promise<HistoryPage> {
    return readHistory(ask, { ...namesOf(this.partner), limit, before });
  }

  /** The newest page, and those before it down to a message, as far as `pagesMax` allows. */
  private async newest(ask: Ask, downTo: bigint): Promise<HistoryPage> {
    let page = await this.page(ask, 0n);
    for (let left = pagesMax; left > 0 && page.hasBefore; left--) {
      const first = page.messages[0]?.id ?? 0n;
      if (first <= downTo) break;
      const older = await this.page(ask, first, pageMax);
      const messages = older.messages.filter(({ id }) => id >= downTo);
      const isEnd = messages.length < older.messages.length;
      page = { ...older, messages: [...messages, ...page.messages], hasBefore: isEnd || older.hasBefore };
      if (isEnd) break;
    }
    return page;
  }

  private async load(
    reading: Promise<HistoryPage>,
    join: (page: readonly ChatMessage[]) => readonly ChatMessage[],
  ): Promise<void> {
    this.loading = reading.catch(() => undefined);
    try {
      this.joined(await reading, join);
    } finally {
      this.loading = undefined;
      this.crossing.clear();
    }
  }

  private joined(page: HistoryPage, join: (page: readonly ChatMessage[]) => readonly ChatMessage[]): void {
    if (this.isClosed) return;
    this.hasBefore = page.hasBefore;
    const all = new Map(join(page.messages).map((message) => [message.id, message]));
    for (const [id, isRecalled] of this.crossing) {
      const message = all.get(id);
      if (message === undefined) continue;
      if (isRecalled) all.set(id, blank(message));
      this.owner.fetch(id);
    }
    this.set(sorted([...all.values()]));
  }

  private set(stored: readonly ChatMessage[]): void {
    this.stored = stored;
    this.note();
  }
}

const sorted = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
  messages.toSorted((one, other) => Number(one.id - other.id));
