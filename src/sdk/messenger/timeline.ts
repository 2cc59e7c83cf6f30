// A live view of a conversation's newest messages. What happens while a page is on its way counts for its messages,
// too: removed ones stay away, and changed ones are fetched after it. Messages are kept in parts, as pages bring them:
// what comes or changes costs its own part, however many others are loaded.

import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import { Emitter } from "../emitter.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { blank } from "./chat-message.ts";
import { readHistory } from "./history.ts";
import type { ChatMessage, HistoryOptions, HistoryPage, Partner, Timeline } from "./messenger-types.ts";
import { namesOf } from "./partner.ts";

/** Messages of a part, before a newer one begins another; and of the pages in which it is read again. */
const partMax = 200;
/** At most so many of these pages, more than the web chat keeps: what was shown beyond is dropped. */
const pagesMax = 20;

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
  private readonly open: Set<LiveTimeline>;
  private readonly notices = new Emitter<{ change: void }>();
  private readonly notes: OnceATurn<void>;
  hasBefore = false;
  hasAfter = false;
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
  /** What has come meanwhile behind messages that are not loaded. */
  private readonly late: ChatMessage[] = [];

  /** `open`: those that follow their conversations; this one is there until it is closed. */
  constructor(owner: TimelineOwner, partner: Partner, limit: number, open: Set<LiveTimeline>) {
    this.owner = owner;
    this.partner = partner;
    this.limit = limit;
    this.open = open.add(this);
    this.notes = new OnceATurn(owner.environment, () => {
      if (open.has(this)) void this.notices.emit("change", undefined);
    });
  }

  get messages(): Part {
    return (this.cached ??= this.parts.flat());
  }

  get parts(): readonly Part[] {
    const stored = this.stored.map((part) => this.shownOf(part));
    return [...stored, this.owner.pending(this.partner)].filter(({ length }) => length > 0);
  }

  async loadBefore(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (!this.hasBefore) return;
    await this.load(this.page(this.owner.ask, { before: this.firstId }), (page, { hasBefore }) => {
      this.hasBefore = hasBefore;
      return [page, ...this.stored];
    });
  }

  async loadAfter(): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    if (!this.hasAfter) return;
    await this.load(this.page(this.owner.ask, { after: this.lastId }), (page, { hasAfter }) => {
      this.hasAfter = hasAfter;
      return [...this.stored, page];
    });
  }

  /** Reads the newest page, and what is shown, as it is now. */
  async reload(ask: Ask): Promise<void> {
    while (this.loading !== undefined) await this.loading;
    this.isStale = true;
    const { firstId, lastId } = this;
    await this.load(this.newest(ask, firstId), (page, { hasBefore }) => {
      const again = page.filter(({ id }) => id >= firstId);
      this.hasBefore = hasBefore || again.length < page.length;
      const last = page.at(-1)?.id ?? 0n;
      // Those that have arrived since the page was asked for stay.
      return [again, this.stored.flat().filter(({ id }) => id > last && id > lastId)];
    });
    this.isStale = false;
  }

  keep(from: bigint, to: bigint): void {
    if (this.loading !== undefined) return;
    const [first, end] = [this.partOf(from), this.partOf(to) + 1];
    this.hasBefore ||= first > 0;
    this.hasAfter ||= end < this.stored.length;
    this.stored = this.stored.slice(first, end);
    this.note();
  }

  onChange(handler: () => void): () => void {
    return this.notices.on("change", handler);
  }

  close(): void {
    this.open.delete(this);
  }

  has(id: bigint): boolean {
    return this.loading !== undefined || this.at(id) !== undefined;
  }

  arrived(message: ChatMessage): void {
    const { id } = message;
    if (this.hasBefore && id < this.firstId) return;
    if (this.hasAfter && id > this.lastId) {
      if (this.loading !== undefined) this.late.push(message);
    } else if (this.at(id) === undefined) this.set(id, message);
  }

  /** A message has changed: `contents` are fetched, except for a recalled one's, which is empty at once. */
  changed(id: bigint, isRecalled: boolean): void {
    if (this.loading !== undefined) this.crossing.set(id, isRecalled || this.crossing.get(id) === true);
    const message = this.at(id);
    if (message !== undefined && isRecalled) this.set(id, blank(message));
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
    if (clearedTo >= this.firstId) this.hasBefore = false;
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

  private get firstId(): bigint {
    return this.stored[0]?.[0]?.id ?? 0n;
  }

  private get lastId(): bigint {
    return this.stored.at(-1)?.at(-1)?.id ?? 0n;
  }

  private page(ask: Ask, where: Pick<HistoryOptions, "before" | "after" | "limit">): Promise<HistoryPage> {
    return readHistory(ask, { ...namesOf(this.partner), limit: this.limit, ...where });
  }

  /** The last page, and those before it, to the one with a message (0n: none), as far as `pagesMax` allows. */
  private async newest(ask: Ask, downTo: bigint): Promise<HistoryPage> {
    let page = await this.page(ask, { before: this.hasAfter ? this.lastId + 1n : 0n });
    for (let left = downTo > 0n ? pagesMax : 0; left > 0 && page.hasBefore; left--) {
      const first = page.messages[0]?.id ?? 0n;
      if (first <= downTo) break;
      const older = await this.page(ask, { before: first, limit: partMax });
      page = { ...older, messages: [...older.messages, ...page.messages] };
    }
    return page;
  }

  /** Adds a page to what is there: `place` returns the parts then. */
  private async load(
    reading: Promise<HistoryPage>,
    place: (page: Part, read: HistoryPage) => readonly Part[],
  ): Promise<void> {
    this.loading = reading.catch(() => undefined);
    try {
      const read = await reading;
      const page = read.messages.map((message) => (this.crossing.get(message.id) === true ? blank(message) : message));
      this.stored = place(page, read).filter(({ length }) => length > 0);
      this.note();
      for (const { id } of page) if (this.crossing.has(id)) this.owner.fetch(id);
    } finally {
      this.loading = undefined;
      this.crossing.clear();
      for (const message of this.late.splice(0)) this.arrived(message);
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
    const isNew = part.length >= partMax && id > this.lastId;
    this.stored = isNew ? [...this.stored, [message]] : this.stored.toSpliced(at, 1, put(part, message));
    this.note();
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
