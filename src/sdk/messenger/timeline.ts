// A live view of a conversation's newest messages. What happens while a page is on its way counts for its messages,
// too: removed ones stay away, and changed ones are fetched after it. Messages are kept in parts, as pages bring them:
// what comes or changes costs its own part, however many others are loaded.

import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import { Emitter } from "../emitter.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { blank } from "./chat-message.ts";
import { readHistory } from "./history.ts";
import type { ChatMessage, HistoryPage, Partner, Timeline } from "./messenger-types.ts";
import { namesOf } from "./partner.ts";

/** Above all ids. */
const idMax = 1n << 63n;
/** Messages of a part, before a newer one begins another. */
const partMax = 200;
/** What is read again in large pages, and at most how many of them: what is shown beyond is dropped. */
const pageMax = 200;
const pagesMax = 10;

type Part = readonly ChatMessage[];

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
  private readonly notices = new Emitter<{ change: void }>();
  private readonly notes: OnceATurn<void>;
  hasBefore = false;
  /** It is to be read again. */
  isStale = false;
  /** What the server has, in the order of ids; no part is empty. */
  private stored: readonly Part[] = [];
  /** What is shown of a part. */
  private shown = new WeakMap<Part, Part>();
  private cached: Part | undefined;
  private loading: Promise<unknown> | undefined;
  /** What has changed while a page is on its way, and whether it was recalled. */
  private readonly crossing = new Map<bigint, boolean>();
  private isClosed = false;

  constructor(owner: TimelineOwner, partner: Partner, limit: number, closed: () => unknown) {
    this.owner = owner;
    this.partner = partner;
    this.limit = limit;
    this.closed = closed;
    this.notes = new OnceATurn(owner.environment, () => {
      if (!this.isClosed) void this.notices.emit("change", undefined);
    });
  }

  get messages(): Part {
    return (this.cached ??= this.parts.flat());
  }

  get parts(): readonly Part[] {
    const stored = this.stored.map((part) => this.shownOf(part));
    return [...stored, this.owner.pending(this.partner)].filter(({ length }) => length > 0);
  }

  /** Loads an older page. */
  async loadBefore(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (!this.hasBefore) return;
    await this.load(this.page(this.owner.ask, this.stored[0]?.[0]?.id ?? 0n));
  }

  /** Reads the newest page, and what is shown, as it is now. */
  async reload(ask: Ask): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (this.isClosed) return;
    this.isStale = true;
    const former = this.stored.at(-1)?.at(-1)?.id ?? 0n;
    await this.load(this.newest(ask, this.stored[0]?.[0]?.id ?? idMax), former);
    this.isStale = false;
  }

  onChange(handler: () => void): () => void {
    return this.notices.on("change", handler);
  }

  close(): void {
    this.isClosed = true;
    this.closed();
  }

  has(id: bigint): boolean {
    return this.loading !== undefined || this.at(id) !== undefined;
  }

  arrived(message: ChatMessage): void {
    const { id } = message;
    if (this.isClosed || (this.hasBefore && id < (this.stored[0]?.[0]?.id ?? 0n))) return;
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
    return this.stored
      .flat()
      .map(({ id }) => id)
      .filter((id) => id <= upTo);
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
    if (id === 0n) this.shown = new WeakMap();
    else if (id !== undefined) this.shown.delete(this.stored[this.partOf(id)] ?? []);
    this.cached = undefined;
    this.notes.add();
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

  /** Adds a page before what is there; instead of it, if `former`, the last message that was there, is given. */
  private async load(reading: Promise<HistoryPage>, former?: bigint): Promise<void> {
    this.loading = reading.catch(() => undefined);
    try {
      const { messages, hasBefore } = await reading;
      if (this.isClosed) return;
      this.hasBefore = hasBefore;
      const last = messages.at(-1)?.id ?? 0n;
      // Those that have arrived since the page was asked for stay.
      if (former !== undefined) this.stored = [this.stored.flat().filter(({ id }) => id > last && id > former)];
      const page = messages.map((message) => (this.crossing.get(message.id) === true ? blank(message) : message));
      this.stored = [page, ...this.stored].filter(({ length }) => length > 0);
      this.note();
      for (const { id } of page) if (this.crossing.has(id)) this.owner.fetch(id);
    } finally {
      this.loading = undefined;
      this.crossing.clear();
    }
  }

  private at(id: bigint): ChatMessage | undefined {
    return this.stored[this.partOf(id)]?.find((message) => message.id === id);
  }

  /** Which part has a message, or would have it. */
  private partOf(id: bigint): number {
    return Math.max(
      0,
      this.stored.findLastIndex(([first]) => (first?.id ?? id) <= id),
    );
  }

  private set(id: bigint, message: ChatMessage): void {
    const at = this.partOf(id);
    const part = this.stored[at] ?? [];
    const isNew = part.length >= partMax && id > (part.at(-1)?.id ?? 0n);
    this.stored = isNew
      ? this.stored.toSpliced(at + 1, 0, [message])
      : this.stored.toSpliced(at, 1, put(part, message));
    this.note(id);
  }

  private shownOf(part: Part): Part {
    const shown = this.shown.get(part) ?? part.flatMap((message) => this.owner.shown(this.partner, message) ?? []);
    this.shown.set(part, shown);
    return shown;
  }
}

/** The part with a message in its place, or instead of the one with the same id. */
function put(part: Part, message: ChatMessage): Part {
  const at = part.findLastIndex(({ id }) => id < message.id) + 1;
  return part.toSpliced(at, part[at]?.id === message.id ? 1 : 0, message);
}
