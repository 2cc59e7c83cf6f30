// Sends the pages of an import in their order, one of them while the one before is still being stored: the server reads
// the next page meanwhile. It stores a page only behind the records that come before it, so an order that the network
// changes costs a repetition, and nothing else.

import { importCursor } from "../../store/data.ts";

/** Sends a page with its cursor; returns how many records the import has. Rejects with what the server says. */
type SendPage<Page> = (cursor: string, page: Page) => Promise<number>;

/** Pages under way. More would gain nothing: a page is read in less time than it takes to be stored. */
const aheadMax = 2;

export class PagesAhead<Page> {
  private readonly send: SendPage<Page>;
  private readonly isEarly: (error: unknown) => boolean;
  /** The oldest first. */
  private readonly underWay: Promise<number>[] = [];
  /** Pages that were refused early, and are not stored yet: no page is sent beside them, which could overtake them. */
  private overtaken = 0;
  private stored: number;
  /** With the pages under way. */
  private sent: number;

  /**
   * `stored`: records that the import has. `isEarly` tells whether a page may have been refused because the one before
   * it was not stored yet; it is sent once more then.
   */
  constructor(stored: number, send: SendPage<Page>, isEarly: (error: unknown) => boolean) {
    this.stored = stored;
    this.sent = stored;
    this.send = send;
    this.isEarly = isEarly;
  }

  /**
   * Sends a page of so many records when it may be sent. Returns how many records the import is known to have; rejects
   * if a page before was refused.
   */
  async add(page: Page, records: number): Promise<number> {
    while (this.underWay.length === aheadMax || (this.overtaken > 0 && this.underWay.length > 0)) await this.oldest();
    const sent = this.behind(this.underWay.at(-1), importCursor(this.sent), page);
    // `oldest` waits for it, unless a page before it is refused.
    sent.catch(() => undefined);
    this.underWay.push(sent);
    this.sent += records;
    return this.stored;
  }

  /** Waits for all pages, and returns how many records the import has; rejects if one was refused. */
  async end(): Promise<number> {
    while (this.underWay.length > 0) await this.oldest();
    return this.stored;
  }

  private async oldest(): Promise<void> {
    this.stored = (await this.underWay.shift()) ?? this.stored;
  }

  private async behind(before: Promise<number> | undefined, cursor: string, page: Page): Promise<number> {
    try {
      return await this.send(cursor, page);
    } catch (error) {
      if (before === undefined || !this.isEarly(error)) throw error;
    }
    this.overtaken++;
    try {
      await before;
      return await this.send(cursor, page);
    } finally {
      this.overtaken--;
    }
  }
}
