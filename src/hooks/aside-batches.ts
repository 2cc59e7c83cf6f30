// The events of a lane that its receiver has refused, each at the head of a batch with the later events of its
// conversation, which wait for it. An event that is refused `refusalsMax` times goes to the dead letters alone; what
// waited behind it goes on. Replayed batches are here, too, and nobody waits for them.

import type { Batch, HookChange } from "../store/hooks.ts";
import { bodyOf, deliver, webhookIdOf } from "./delivery.ts";
import type { LaneChanges } from "./lane-changes.ts";
import type { LaneParts } from "./lane-parts.ts";
import type { LaneEvent } from "./lane-source.ts";
import { pageMax } from "./log-window.ts";
import { graceMs } from "./pace.ts";
import type { Pauses } from "./pauses.ts";
import { dueIn, failedOnce } from "./retries.ts";

/** How often a receiver refuses an event before it is taken at its word. */
const refusalsMax = 5;
/** Conversations that wait at most; then the whole lane waits. */
const asideMax = 100;
/** How long an idle loop sleeps; it is woken when something is set aside. */
const idleMs = 60_000;

export class AsideBatches {
  private readonly parts: LaneParts;
  private readonly changes: LaneChanges;
  private readonly pauses: Pauses;
  private readonly batches: Batch[];
  /** Those of `batches` that have grown since they were saved. */
  private readonly grown = new Set<Batch>();

  constructor(parts: LaneParts, waiting: readonly Batch[], changes: LaneChanges, pauses: Pauses) {
    this.parts = parts;
    this.changes = changes;
    this.batches = [...waiting];
    this.pauses = pauses;
  }

  get hasRoom(): boolean {
    return this.batches.length < asideMax;
  }

  /** Whether events of a conversation wait. */
  holds(conversation: string): boolean {
    return this.batches.length > 0 && this.batches.some((batch) => batch.conversation === conversation);
  }

  /** Adds an event of a conversation that waits; false if there is no room, so that all have to wait. */
  add({ ref, conversation }: LaneEvent): boolean {
    const at = this.batches.findIndex((batch) => batch.conversation === conversation);
    const batch = this.batches[at];
    if (batch === undefined || batch.refs.length >= pageMax) return false;
    if (batch.refs.includes(ref)) return true;
    const longer = { ...batch, refs: [...batch.refs, ref] };
    this.replace(batch, longer);
    this.grown.add(longer);
    return true;
  }

  /** The changes that save what was added. */
  takeGrown(): HookChange[] {
    const changes = [...this.grown].map((batch): HookChange => ({ change: "put", batch }));
    this.grown.clear();
    return changes;
  }

  /** Sets a refused event aside; the caller saves it. */
  take(batch: Batch, reason: string): Batch {
    const aside = failedOnce({ ...batch, state: "aside" }, { result: "refused", reason }, this.parts);
    if (aside.state === "aside") this.batches.push(aside);
    this.pauses.wake();
    return aside;
  }

  /** Tries what is due next, or waits for it. */
  async step(): Promise<void> {
    const [next] = this.batches.toSorted((one, other) => dueIn(one, this.parts) - dueIn(other, this.parts));
    const waitMs = next === undefined ? idleMs : dueIn(next, this.parts);
    if (waitMs > 0) await this.pauses.pause(waitMs);
    else if (next !== undefined) await this.attempt(next);
  }

  /** Tells the event at the head alone if it was refused, else all. */
  private async attempt(batch: Batch): Promise<void> {
    const { source, endpoint, sender, clock, pace, lane, counts } = this.parts;
    const refs = batch.refs.slice(0, batch.attempts > 0 ? 1 : pageMax);
    const texts = await source.texts(refs);
    const webhookId = webhookIdOf(endpoint.id, lane, refs);
    const delivered =
      texts.length === 0
        ? ({ result: "accepted" } as const)
        : await deliver(sender, endpoint, webhookId, bodyOf(endpoint.app, texts), {
            atMs: clock.wallMs(),
            waitMs: pace.answerMs,
            signal: this.pauses.signal,
          });
    if (delivered.result === "accepted") {
      counts.delivered += texts.length;
      const events = refs.length - texts.length;
      if (events > 0) this.changes.add({ change: "lose", endpoint: endpoint.id, events });
    } else if (this.pauses.isEnded) return;
    else counts.failedAttempts++;
    // Events may have been added meanwhile.
    const present = this.batches.find((each) => each.webhookId === batch.webhookId) ?? batch;
    if (delivered.result === "accepted") {
      this.changes.add({ change: "drop", endpoint: endpoint.id, webhookId: present.webhookId });
      this.goOn(present, refs.length);
    } else if (delivered.result === "refused" && refs.length === 1 && batch.attempts + 1 >= refusalsMax) {
      const last = { ...this.parts, pace: { ...pace, attemptsMax: 1 } };
      this.changes.add({ change: "put", batch: failedOnce({ ...present, refs }, delivered, last) });
      this.goOn(present, 1);
    } else {
      const failed = failedOnce(present, delivered, this.parts);
      this.changes.add({ change: "put", batch: failed });
      if (failed.state === "dead") this.goOn(present, present.refs.length);
      else this.replace(present, failed);
    }
    if (!(await this.changes.save())) this.pauses.end(graceMs);
  }

  /** The first events are told or given up; what waited behind them goes on, under another id. */
  private goOn(batch: Batch, told: number): void {
    const { endpoint, lane } = this.parts;
    const refs = batch.refs.slice(told);
    if (refs.length === 0) {
      this.forget(batch);
      return;
    }
    const next = { ...batch, webhookId: webhookIdOf(endpoint.id, lane, refs), refs, attempts: 0, dueMs: 0, reason: "" };
    this.replace(batch, next);
    this.changes.add({ change: "put", batch: next });
  }

  private replace(batch: Batch, next: Batch): void {
    const at = this.batches.findIndex(({ webhookId }) => webhookId === batch.webhookId);
    this.grown.delete(batch);
    if (at >= 0) this.batches[at] = next;
    else this.batches.push(next);
  }

  private forget(batch: Batch): void {
    const at = this.batches.findIndex(({ webhookId }) => webhookId === batch.webhookId);
    this.grown.delete(batch);
    if (at >= 0) this.batches.splice(at, 1);
  }
}
