// Services as JSON, each rendered once a version, for all who read it: an answer holds the same buffers as the others
// do. Its renewals go on meanwhile: a short text is made anew after any of them, a long one after a second, or after so
// long that making it takes a twentieth of the time. What is long is made over several turns of the event loop, one
// service after the other.
//
// Memory: what is kept here is bounded; what is long is dropped when nobody has asked for a while.

import { discoveryAppid, Status } from "../instance.ts";
import type { App } from "../table/apps.ts";
import { type Piece, zonePieces } from "./answers.ts";

/** Shared by all who read the service at that version. */
export interface Rendered {
  /** The InstanceInfo as JSON. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  /** Instances in it. */
  readonly count: number;
}

/** A service is longer than an answer may be. */
export class AnswerTooLong extends Error {
  override readonly name = "AnswerTooLong";
}

/** Too many services wait to be rendered. */
export class RenderingBusy extends Error {
  override readonly name = "RenderingBusy";
}

interface Kept {
  readonly rendered: Rendered;
  readonly latest: bigint;
  readonly madeAtMs: number;
  /** It is good for this long. */
  readonly freshMs: number;
  /** It cannot be rendered. */
  readonly fault: AnswerTooLong | undefined;
}

interface Job {
  readonly promise: Promise<Rendered>;
  /** The version of its beginning. */
  readonly latest: bigint;
  /** Renders as much as this turn has left. Returns true when it is over. */
  readonly work: () => boolean;
}

const freshMsMin = 1_000;
const freshFactor = 20;
/** Rendered in one turn of the event loop, roughly. */
const turnBytes = 512 * 1024;
const partCharacters = 64 * 1024;
/** A text up to this length is short. */
const shortBytes = 64 * 1024;
const shortBytesInAll = 4 * 1024 * 1024;
/** All long ones that are kept. */
const longBytesInAll = 64 * 1024 * 1024;
/** What nobody has asked for within this time is dropped. */
const keptMs = 10_000;
const jobsMax = 4_096;

export class Renderings {
  private readonly bytesMax: number;
  private readonly stamp: () => number;
  /** Good for as long as the stamp is this. */
  private readonly short = new Map<string, Rendered>();
  private shortStamp = -1;
  private shortBytes = 0;
  /** In the order of their last use. */
  private readonly long = new Map<string, Kept>();
  private longBytes = 0;
  private readonly jobs = new Map<string, Job>();
  private turnBytesLeft = turnBytes;
  private isTurnPlanned = false;
  private sweeper: ReturnType<typeof setTimeout> | undefined;

  /** `bytesMax` of one service; `stamp` is a number that changes with every change, and every renewal. */
  constructor(parts: { readonly bytesMax: number; readonly stamp: () => number }) {
    this.bytesMax = parts.bytesMax;
    this.stamp = parts.stamp;
  }

  /** Ends its timer. */
  close(): void {
    clearTimeout(this.sweeper);
    this.short.clear();
    this.long.clear();
  }

  /**
   * A service's instances whose status is in `mask`, in one zone or (with '') in all; as readers of `env` see it.
   * @throws (or rejects with) AnswerTooLong, RenderingBusy
   */
  of(app: App, env: string, zone: string, mask: number): Rendered | Promise<Rendered> {
    const bits = mask & Status.Any;
    const shownEnv = app.key.endsWith(`\n${discoveryAppid}`) ? env : undefined;
    const key = `${app.key}\n${zone}\n${bits}\n${shownEnv ?? ""}`;
    const short = this.shortOf(key);
    if (short !== undefined) return short;
    const long = this.longOf(key, app);
    if (long?.fault !== undefined) throw long.fault;
    if (long !== undefined) return long.rendered;
    const running = this.jobs.get(key);
    if (running !== undefined) {
      if (running.latest === app.latest) return running.promise;
      // Whoever asks now may have been told of a version that it began too early for.
      return running.promise.then(
        () => this.of(app, env, zone, mask),
        () => this.of(app, env, zone, mask),
      );
    }
    return this.render(key, app, shownEnv, zone, bits);
  }

  private render(
    key: string,
    app: App,
    env: string | undefined,
    zone: string,
    mask: number,
  ): Rendered | Promise<Rendered> {
    if (this.jobs.size >= jobsMax) throw new RenderingBusy("too many services wait to be rendered; try again later");
    const { latest } = app;
    const rendering = new Rendering(zonePieces(app, env, zone, mask), this.bytesMax);
    const done = (): Rendered => {
      const rendered = rendering.result();
      if (rendered.bytes <= shortBytes) {
        // One that took several turns may be older than the stamp.
        if (app.latest === latest && rendering.turns === 1) this.keepShort(key, rendered);
        return rendered;
      }
      keep(rendered, undefined);
      return rendered;
    };
    const keep = (rendered: Rendered, fault: AnswerTooLong | undefined): void => {
      const freshMs = Math.max(freshMsMin, rendering.tookMs * freshFactor);
      this.keepLong(key, { rendered, latest, madeAtMs: performance.now(), freshMs, fault });
    };
    const failed = (error: unknown): void => {
      // Whoever asks again is told so without another try.
      if (error instanceof AnswerTooLong) keep({ parts: [], bytes: 0, count: 0 }, error);
    };
    try {
      if (this.jobs.size === 0 && this.turnBytesLeft > 0 && this.work(rendering)) return done();
    } catch (error) {
      failed(error);
      throw error;
    }
    const { promise, resolve, reject } = Promise.withResolvers<Rendered>();
    const work = (): boolean => {
      try {
        if (!this.work(rendering)) return false;
        this.jobs.delete(key);
        resolve(done());
      } catch (error) {
        failed(error);
        this.jobs.delete(key);
        reject(error);
      }
      return true;
    };
    this.jobs.set(key, { promise, latest, work });
    this.planTurn();
    return promise;
  }

  /** Renders as much as this turn has left. Returns true when all is rendered. */
  private work(rendering: Rendering): boolean {
    const before = rendering.bytes;
    const isDone = rendering.work(this.turnBytesLeft);
    this.turnBytesLeft -= rendering.bytes - before;
    if (this.turnBytesLeft <= 0) this.planTurn();
    return isDone;
  }

  private planTurn(): void {
    if (this.isTurnPlanned) return;
    this.isTurnPlanned = true;
    setImmediate(() => {
      this.isTurnPlanned = false;
      this.turnBytesLeft = turnBytes;
      for (const job of this.jobs.values()) {
        if (!job.work() || this.turnBytesLeft <= 0) break;
      }
      if (this.jobs.size > 0) this.planTurn();
    });
  }

  private shortOf(key: string): Rendered | undefined {
    const stamp = this.stamp();
    if (stamp !== this.shortStamp) {
      this.shortStamp = stamp;
      this.short.clear();
      this.shortBytes = 0;
    }
    return this.short.get(key);
  }

  private keepShort(key: string, rendered: Rendered): void {
    if (this.shortBytes + rendered.bytes > shortBytesInAll || this.stamp() !== this.shortStamp) return;
    this.short.set(key, rendered);
    this.shortBytes += rendered.bytes;
  }

  private longOf(key: string, { latest }: App): Kept | undefined {
    const kept = this.long.get(key);
    if (kept === undefined) return undefined;
    this.drop(key, kept);
    if (kept.latest !== latest || performance.now() - kept.madeAtMs >= kept.freshMs) return undefined;
    this.keepLong(key, kept);
    return kept;
  }

  private keepLong(key: string, kept: Kept): void {
    const known = this.long.get(key);
    if (known !== undefined) this.drop(key, known);
    this.long.set(key, kept);
    this.longBytes += kept.rendered.bytes;
    for (const [oldest, other] of this.long) {
      if (this.longBytes <= longBytesInAll) break;
      this.drop(oldest, other);
    }
    this.sweeper ??= setTimeout(() => this.sweep(), keptMs);
  }

  private drop(key: string, { rendered }: Kept): void {
    if (this.long.delete(key)) this.longBytes -= rendered.bytes;
  }

  private sweep(): void {
    this.sweeper = undefined;
    const nowMs = performance.now();
    for (const [key, kept] of this.long) {
      if (nowMs - kept.madeAtMs > Math.max(keptMs, kept.freshMs)) this.drop(key, kept);
    }
    if (this.long.size > 0) this.sweeper = setTimeout(() => this.sweep(), keptMs);
  }
}

/** One service on its way to bytes. */
class Rendering {
  bytes = 0;
  tookMs = 0;
  turns = 0;
  private readonly pieces: Iterator<Piece, undefined>;
  private readonly bytesMax: number;
  private readonly parts: Uint8Array[] = [];
  private count = 0;
  private text = "";

  constructor(pieces: Iterator<Piece, undefined>, bytesMax: number) {
    this.pieces = pieces;
    this.bytesMax = bytesMax;
  }

  /** Renders about so many bytes. Returns true when all is rendered. Throws AnswerTooLong. */
  work(bytes: number): boolean {
    const beganMs = performance.now();
    this.turns++;
    const end = this.bytes + bytes;
    let isDone = false;
    while (!isDone && this.bytes + this.text.length < end) {
      const { value, done } = this.pieces.next();
      if (done === true) isDone = true;
      else {
        this.text += value.text;
        this.count += value.count;
      }
      if (isDone || this.text.length >= partCharacters) this.cut();
    }
    this.tookMs += performance.now() - beganMs;
    return isDone;
  }

  result(): Rendered {
    return { parts: this.parts, bytes: this.bytes, count: this.count };
  }

  private cut(): void {
    if (this.text === "") return;
    const part = Buffer.from(this.text);
    this.text = "";
    this.parts.push(part);
    this.bytes += part.length;
    if (this.bytes > this.bytesMax)
      throw new AnswerTooLong(`the service is longer than ${this.bytesMax} bytes; ask for one of its zones`);
  }
}
