// Tells one endpoint the events of one lane, in order. A batch is frozen as a list of references in the store before it
// is sent; until it is accepted, what follows waits. A batch that the receiver refuses is told again in smaller ones,
// until the event that it refuses is alone: that one is set aside (aside-batches.ts), with the events of its
// conversation, and the others go on.

import type { Batch, HookChange } from "../store/hooks.ts";
import { StoreUnavailable } from "../store/store.ts";
import { AsideBatches } from "./aside-batches.ts";
import { Gathering } from "./gathering.ts";
import { batchBytesMax, bodyOf, deliver, type Delivered, webhookIdOf } from "./delivery.ts";
import type { LaneParts } from "./lane-parts.ts";
import type { LaneEvent, LaneRead } from "./lane-source.ts";
import { LaneChanges } from "./lane-changes.ts";
import { pageMax } from "./log-window.ts";
import { graceMs } from "./pace.ts";
import { Pauses } from "./pauses.ts";
import { dueIn, failedOnce } from "./retries.ts";

/** A position without a batch is saved this often: a purge waits for it, and a restart begins there. */
const movedEveryMs = 5_000;
/** The pause after a failure of the store. */
const storePauseMs = 1_000;

export class Lane {
  private readonly parts: LaneParts;
  private readonly asides: AsideBatches;
  private readonly pauses: Pauses;
  private position: bigint;
  private savedPosition: bigint;
  private savedMs = -Infinity;
  private open: Batch | undefined;
  /** The texts of the open batch, if it has just been read. */
  private texts: readonly string[] | undefined;
  /** The events of the next batch, at most: fewer after a refusal. */
  private most = pageMax;
  /** The log is read again after this time. */
  private readAfterMs = -Infinity;
  private readonly gathering: Gathering;
  private readonly changes: LaneChanges;
  private readonly running: Promise<unknown>;

  /** `waiting`: the lane's batches, as a process before this one left them. */
  constructor(parts: LaneParts, waiting: readonly Batch[]) {
    this.parts = parts;
    this.pauses = new Pauses(parts.timers);
    this.gathering = new Gathering(parts.pace.gatherMs, parts.clock.monotonicMs());
    this.changes = new LaneChanges(parts.save);
    this.position = parts.endpoint.positions[parts.lane];
    this.savedPosition = this.position;
    this.open = waiting.find(({ state }) => state === "open");
    this.asides = new AsideBatches(
      parts,
      waiting.filter(({ state }) => state === "aside"),
      this.changes,
      this.pauses,
    );
    this.running = Promise.all([this.run(() => this.step()), this.run(() => this.asides.step())]);
  }

  /** Whether a conversation's event of this id, if it has one, was told, or given up. */
  hasTold(conversation: string, id: bigint): boolean {
    return id <= this.position && !this.asides.holds(conversation);
  }

  /** Ends what is under way, and resolves when nothing more is sent or saved. */
  async stop(): Promise<void> {
    this.pauses.end(graceMs);
    await this.running;
    // What was accepted at the end. Without it, it is told twice.
    if (!this.changes.areSaved) await this.changes.save().catch(() => undefined);
  }

  private async run(step: () => Promise<void>): Promise<void> {
    while (!this.pauses.isEnded) {
      try {
        await step();
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) this.parts.bug(error);
        await this.pauses.pause(storePauseMs);
      }
    }
  }

  private async step(): Promise<void> {
    if (this.open === undefined) await this.next();
    const { open } = this;
    if (open === undefined || this.pauses.isEnded) return;
    await this.pauses.pause(dueIn(open, this.parts));
    if (!this.pauses.isEnded) await this.judge(open, await this.attempt(open));
  }

  /** Freezes the next batch, if there is something to tell. */
  private async next(): Promise<void> {
    const { source, endpoint, lane, clock } = this.parts;
    const waitMs = this.readAfterMs - clock.monotonicMs();
    if (waitMs > 0) {
      await this.saveMoves();
      await this.pauses.pause(waitMs);
      if (this.pauses.isEnded) return;
    }
    const beganMs = clock.monotonicMs();
    const read = await source.read(this.position);
    const { events, upTo, isBlocked } = this.choose(read);
    // What comes until then is one batch.
    const hasMore = !isBlocked && (read.isMore || upTo < read.upTo);
    this.readAfterMs = this.gathering.nextMs(beganMs, events.length, hasMore);
    this.changes.add(...this.asides.takeGrown());
    if (events.length === 0) {
      this.position = upTo;
      return;
    }
    const refs = events.map(({ ref }) => ref);
    const batch: Batch = {
      webhookId: webhookIdOf(endpoint.id, lane, refs),
      endpoint: endpoint.id,
      lane,
      state: "open",
      refs,
      // Of an event that is alone: it may be set aside.
      conversation: events.length === 1 ? (events[0]?.conversation ?? "") : "",
      upTo,
      attempts: 0,
      dueMs: 0,
      reason: "",
    };
    this.open = batch;
    this.texts = events.map(({ text }) => text);
    await this.save({ change: "put", batch });
  }

  /** What of the events is told now: not what waits behind an event that was set aside. */
  private choose({ events, upTo }: LaneRead): {
    readonly events: readonly LaneEvent[];
    readonly upTo: bigint;
    readonly isBlocked: boolean;
  } {
    const chosen: LaneEvent[] = [];
    let bytes = 0;
    let last = this.position;
    for (const event of events) {
      if (this.asides.holds(event.conversation)) {
        if (!this.asides.add(event)) return { events: chosen, upTo: last, isBlocked: chosen.length === 0 };
        this.parts.source.done?.([event.ref]);
        last = event.position;
        continue;
      }
      bytes += Buffer.byteLength(event.text);
      if (chosen.length >= this.most || (chosen.length > 0 && bytes > batchBytesMax))
        return { events: chosen, upTo: last, isBlocked: false };
      chosen.push(event);
      last = event.position;
    }
    return { events: chosen, upTo, isBlocked: false };
  }

  private async attempt(batch: Batch): Promise<Delivered> {
    const { source, endpoint, sender, clock, pace, counts } = this.parts;
    const texts = this.texts ?? (await source.texts(batch.refs));
    this.texts = undefined;
    // What a purge has deleted meanwhile, it has counted.
    if (texts.length === 0) return { result: "accepted" };
    const delivered = await deliver(sender, endpoint, batch.webhookId, bodyOf(endpoint.app, texts), {
      atMs: clock.wallMs(),
      waitMs: pace.answerMs,
      signal: this.pauses.signal,
    });
    if (delivered.result === "accepted") counts.delivered += texts.length;
    else if (!this.pauses.isEnded) counts.failedAttempts++;
    return delivered;
  }

  private async judge(batch: Batch, delivered: Delivered): Promise<void> {
    if (this.pauses.isEnded && delivered.result !== "accepted") return;
    const { endpoint } = this.parts;
    const dropped: HookChange = { change: "drop", endpoint: endpoint.id, webhookId: batch.webhookId };
    if (delivered.result === "accepted") {
      this.most = Math.min(pageMax, this.most * 2);
      this.changes.add(dropped);
      this.moveBehind(batch);
    } else if (delivered.result === "refused" && batch.refs.length > 1) {
      // It has judged: it is asked about each half at once.
      this.most = Math.ceil(batch.refs.length / 2);
      this.changes.add(dropped);
      this.open = undefined;
      this.readAfterMs = -Infinity;
    } else if (delivered.result === "refused" && this.asides.hasRoom) {
      const aside = this.asides.take(batch, delivered.reason);
      this.moveBehind(batch);
      await this.save({ change: "put", batch: aside });
    } else {
      const failed = failedOnce(batch, delivered, this.parts);
      if (failed.state === "dead") this.moveBehind(batch);
      else this.open = failed;
      await this.save({ change: "put", batch: failed });
    }
  }

  /** Everything up to there is told, or in another batch. */
  private moveBehind({ refs, upTo: position }: Batch): void {
    const { endpoint, lane, source } = this.parts;
    source.done?.(refs);
    this.open = undefined;
    this.position = position;
    this.savedPosition = position;
    this.changes.add({ change: "move", endpoint: endpoint.id, lane, position });
  }

  /** Saves what no batch has carried. */
  private async saveMoves(): Promise<void> {
    const { endpoint, lane, clock } = this.parts;
    const { position } = this;
    const nowMs = clock.monotonicMs();
    if (position > this.savedPosition && nowMs - this.savedMs >= movedEveryMs) {
      this.changes.add({ change: "move", endpoint: endpoint.id, lane, position });
      this.savedPosition = position;
      this.savedMs = nowMs;
    }
    if (!this.changes.areSaved) await this.save();
  }

  private async save(...changes: readonly HookChange[]): Promise<void> {
    if (!(await this.changes.save(...changes))) this.pauses.end(graceMs);
  }
}
