// Reads the log once for all endpoints that are near its end: what was just read is kept for a moment, for the others
// that are about to read it. An endpoint that is further behind reads by itself until it has caught up.
//
// Bounded in characters and in time: a text that is recalled is not kept in memory to be told later.

import type { HookPage, HookQuery, HookRecord, HookStore } from "../store/hooks.ts";

const keptMs = 1_000;
const keptCharactersMax = 8 * 1024 * 1024;
/** Messages, and entries, that are read at once: the most that a batch can hold. */
export const pageMax = 1_000;

interface Kept {
  readonly after: bigint;
  readonly page: HookPage;
  readonly readMs: number;
  readonly characters: number;
}

export class LogWindow {
  private readonly store: Pick<HookStore, "page">;
  private readonly monotonicMs: () => number;
  /** What all endpoints together are told. */
  private readonly wanted: Omit<HookQuery, "after" | "limit">;
  private readonly kept: Kept[] = [];
  private characters = 0;
  private reading: { readonly after: bigint; readonly page: Promise<HookPage> } | undefined;

  constructor(store: Pick<HookStore, "page">, wanted: Omit<HookQuery, "after" | "limit">, monotonicMs: () => number) {
    this.store = store;
    this.wanted = wanted;
    this.monotonicMs = monotonicMs;
  }

  /** What follows an id: of all apps and events that any endpoint wants. */
  async after(id: bigint): Promise<HookPage> {
    this.forgetOld();
    for (const { after, page } of this.kept) {
      if (id < after || id >= page.upTo) continue;
      return { ...page, records: after === id ? page.records : page.records.filter((record) => record.id > id) };
    }
    if (this.reading?.after === id) return this.reading.page;
    const page = this.read(id);
    const reading = { after: id, page };
    this.reading = reading;
    try {
      return await page;
    } finally {
      if (this.reading === reading) this.reading = undefined;
    }
  }

  private async read(after: bigint): Promise<HookPage> {
    const page = await this.store.page({ ...this.wanted, after, limit: pageMax });
    if (page.upTo > after) {
      const characters = page.records.reduce((sum, record) => sum + sizeOf(record), 0);
      this.kept.push({ after, page, readMs: this.monotonicMs(), characters });
      this.characters += characters;
    }
    this.forgetOld();
    return page;
  }

  private forgetOld(): void {
    const { kept } = this;
    while (kept.length > 0) {
      const [oldest] = kept;
      if (oldest === undefined) return;
      if (this.characters <= keptCharactersMax && this.monotonicMs() - oldest.readMs < keptMs) return;
      kept.shift();
      this.characters -= oldest.characters;
    }
  }
}

function sizeOf({ data, conversation }: HookRecord): number {
  return data.length + conversation.length + 64;
}
