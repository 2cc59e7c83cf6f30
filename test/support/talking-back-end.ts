// A back end that goes on with some conversations while servers die, and what a receiver of webhooks was told of them.

import { expect } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import type { Receiver } from "../hooks/receiver.ts";

/** Where a request goes now: the URL of an API. */
type Where = () => string;

export class TalkingBackEnd {
  private readonly where: Where;
  private readonly key: string;
  /** What was acknowledged, by receivers. */
  private readonly acknowledged = new Map<string, string[]>();
  private readonly talks: readonly Promise<void>[];
  private isOver = false;

  /** Begins to talk to these accounts, with a key of the API. */
  constructor(accounts: readonly string[], key: string, where: Where) {
    this.where = where;
    this.key = key;
    this.talks = accounts.map((account) => this.talkTo(account));
  }

  /**
   * Ends, and expects that the receiver is told of all that was acknowledged, in order, with valid signatures; how many
   * messages that were.
   */
  async end(receiver: Receiver): Promise<number> {
    this.isOver = true;
    await Promise.all(this.talks);
    const bodiesTo = (to: string): string[] => {
      const events = receiver.events.filter(({ data }) => data["to"] === to);
      return [...new Set(events.map(({ data }) => String(data["body"])))];
    };
    for (const [to, stored] of this.acknowledged) {
      await until(() => bodiesTo(to).length >= stored.length, `all that ${to} got is told`);
      // A set keeps the order in which each came first.
      expect(bodiesTo(to)).toEqual(stored);
    }
    expect(receiver.invalid).toEqual([]);
    return [...this.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  }

  private async talkTo(to: string): Promise<void> {
    const stored: string[] = [];
    this.acknowledged.set(to, stored);
    for (let at = 0; !this.isOver; at++) {
      const headers = {
        authorization: `Bearer ${this.key}`,
        "content-type": "application/json",
        "idempotency-key": `${to}-${at}`,
      };
      const body = JSON.stringify({ to, body: `${at}` });
      // Repeated until it is acknowledged: it may have been stored before.
      for (let isStored = false; !isStored;) {
        const request = { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) };
        const sent = await fetch(`${this.where()}/roost.v1.Messages/Send`, request).catch(() => undefined);
        isStored = sent?.ok === true;
        if (!isStored) await Bun.sleep(20);
      }
      stored.push(`${at}`);
    }
  }
}
