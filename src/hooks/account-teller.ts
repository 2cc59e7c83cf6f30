// Tells endpoints that accounts come online and go offline. These events are in memory only: a crash loses them, and so
// does an endpoint that is away for longer than a few attempts. Whoever has to be sure asks for the presence.

import type { Clock } from "../base/clock.ts";
import type { Timers } from "../base/timers.ts";
import type { Endpoint } from "../store/hooks.ts";
import { bodyOf, deliver, webhookIdOf } from "./delivery.ts";
import type { HookCounts } from "./hook-counts.ts";
import type { HttpSender } from "./http-sender.ts";
import { eventText } from "./lane-source.ts";
import { pageMax } from "./log-window.ts";
import { graceMs, type HookPace, pauseMsAfter } from "./pace.ts";
import { Pauses } from "./pauses.ts";

/** Events of an endpoint that wait; then the oldest are dropped. */
const waitingMax = 10_000;
const attemptsMax = 3;

interface Parts {
  readonly sender: HttpSender;
  readonly pace: HookPace;
  readonly clock: Pick<Clock, "wallMs">;
  readonly timers: Timers;
  readonly counts: HookCounts;
}

export class AccountTeller {
  private readonly endpoint: Endpoint;
  private readonly parts: Parts;
  private readonly pauses: Pauses;
  private waiting: string[] = [];
  private count = 0;
  private readonly running: Promise<void>;

  constructor(endpoint: Endpoint, parts: Parts) {
    this.endpoint = endpoint;
    this.parts = parts;
    this.pauses = new Pauses(parts.timers);
    this.running = this.run();
  }

  add(event: "account.online" | "account.offline", app: string, account: string): void {
    if (app !== this.endpoint.app || !this.endpoint.events.includes(event)) return;
    const atMs = this.parts.clock.wallMs();
    if (this.waiting.length >= waitingMax) {
      this.waiting.shift();
      this.parts.counts.lost++;
    }
    this.waiting.push(eventText(`${atMs}-${this.count++}`, event, atMs, JSON.stringify({ account })));
  }

  async stop(): Promise<void> {
    this.pauses.end(graceMs);
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.pauses.isEnded) {
      await this.pauses.pause(this.parts.pace.gatherMs);
      const texts = this.waiting.splice(0, pageMax);
      if (texts.length > 0) await this.tell(texts);
    }
  }

  private async tell(texts: readonly string[]): Promise<void> {
    const { sender, pace, clock, counts } = this.parts;
    const webhookId = webhookIdOf(this.endpoint.id, "accounts", texts);
    const body = bodyOf(this.endpoint.app, texts);
    for (let attempt = 1; attempt <= attemptsMax && !this.pauses.isEnded; attempt++) {
      const options = { atMs: clock.wallMs(), waitMs: pace.answerMs, signal: this.pauses.signal };
      const { result } = await deliver(sender, this.endpoint, webhookId, body, options);
      if (result === "accepted") {
        counts.delivered += texts.length;
        return;
      }
      counts.failedAttempts++;
      if (result === "refused") break;
      await this.pauses.pause(pauseMsAfter(pace, attempt));
    }
    counts.lost += texts.length;
  }
}
