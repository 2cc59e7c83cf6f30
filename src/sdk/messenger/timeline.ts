// A live view of a conversation's newest messages. What happens while a page is on its way counts for its messages,
// too: removed ones stay away, and changed ones are fetched after it. Of many messages, only those that come or change
// are worked at; the others are copied with their list.

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
  /** Both in the order of ids: what the server has, and what is shown of it. */
  private stored: readonly ChatMessage[] = [];
  private visible: readonly ChatMessage[] = [];
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
    return (this.cached ??= this.visible.concat(this.owner.pending(this.partner)));
  }

  /** Loads an older page. */
  async loadBefore(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (!this.hasBefore) return;
    const { ask } = this.owner;
    await this.load(this.page(ask, this.stored[0]?.id ?? 0n));
  }

  /** Reads the newest page, and what is shown, as it is now. */
  async reload(ask: Ask): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (this.isClosed) return;
    this.isStale = true;
    const former = this.stored.at(-1)?.id ?? 0n;
    await this.load(this.newest(ask, this.stored[0]?.id ?? idMax), (last) => {
      // Those that have arrived since the page was asked for.
      this.stored = this.stored.filter(({ id }) => id > last && id > former);
      this.note(0n);
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
    return this.loading !== undefined || this.at(id) !== undefined;
  }

  arrived(message: ChatMessage): void {
    const { id } = message;
    const [first] = this.stored;
    if (this.isClosed || (first !== undefined && id < first.id && this.hasBefore)) return;
    if (this.at(id) === undefined) this.set(id, message);
  }

  /** A message has changed: `contents` are fetched, except for a recalled one's, which is empty at once. */
  changed(id: bigint, isRecalled: boolean): void {
    if (this.loading !== undefined) this.crossing.set(id, isRecalled || this.crossing.get(id) === true);
    const message = this.at(id);
    if (isRecalled && message !== undefined) this.set(id, blank(message));
  }

  /** A message as it is now. */
  refreshed(now: ChatMessage): void {
    const message = this.at(now.id);
    if (message !== undefined) this.set(now.id, { ...now, clientId: message.clientId });
  }

  /** The ids of what is loaded up to a message. */
  upTo(upTo: bigint): readonly bigint[] {
    return this.stored.map(({ id }) => id).filter((id) => id <= upTo);
  }

  /** Everything up to a message is gone, also what is not loaded. */
  prune(clearedTo: bigint): void {
    if (this.upTo(clearedTo).length > 0) this.hasBefore = false;
    this.note(0n);
  }

  /**
   * Something else that is shown has changed: how a message is, 0n for any; undefined: what the outbox has. Tells of it
   * once a turn.
   */
  note(id?: bigint): void {
    if (id === 0n) this.visible = this.shown(this.stored);
    else if (id !== undefined) this.visible = put(this.visible, id, this.shown([this.at(id)]));
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

  private async load(reading: Promise<HistoryPage>, make?: (last: bigint) => unknown): Promise<void> {
    this.loading = reading.catch(() => undefined);
    try {
      const { messages, hasBefore } = await reading;
      if (this.isClosed) return;
      this.hasBefore = hasBefore;
      make?.(messages.at(-1)?.id ?? 0n);
      const page = messages.map((message) => (this.crossing.get(message.id) === true ? blank(message) : message));
      this.stored = page.concat(this.stored);
      this.visible = this.shown(page).concat(this.visible);
      this.note();
      for (const { id } of page) if (this.crossing.has(id)) this.owner.fetch(id);
    } finally {
      this.loading = undefined;
      this.crossing.clear();
    }
  }

  private at(id: bigint): ChatMessage | undefined {
    const found = this.stored[placeOf(this.stored, id)];
    return found?.id === id ? found : undefined;
  }

  private set(id: bigint, message: ChatMessage): void {
    this.stored = put(this.stored, id, [message]);
    this.note(id);
  }

  private shown(messages: readonly (ChatMessage | undefined)[]): readonly ChatMessage[] {
    return messages.flatMap((message) => (message && this.owner.shown(this.partner, message)) ?? []);
  }
}

/** Where a message is in a list, or would be. */
function placeOf(messages: readonly ChatMessage[], id: bigint): number {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.id ?? id) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The list with one message or none in the place of another one, which need not be there. */
function put(messages: readonly ChatMessage[], id: bigint, now: readonly ChatMessage[]): readonly ChatMessage[] {
  const at = placeOf(messages, id);
  return messages.toSpliced(at, messages[at]?.id === id ? 1 : 0, ...now);
}
