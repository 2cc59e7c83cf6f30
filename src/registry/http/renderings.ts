// Services as JSON, each rendered once per version for all its readers, whose answers share the buffers. Renewals go on
// meanwhile: a short text is rendered again after any of them, a long one after a second, or after so long that
// rendering takes a twentieth of the time. Long texts are rendered over several turns of the event loop, one service
// after another.
//
// Memory: the kept texts are bounded; long ones are dropped when nobody has read them for a while.

import { discoveryAppid, Status } from "../instance.ts";
import type { App } from "../table/apps.ts";
import { zonePieces } from "./answers.ts";

/** A rendered service, shared by all its readers at that version. */
export interface Rendered {
  /** The InstanceInfo as JSON. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
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
  /** How long it may be used. */
  readonly freshMs: number;
  /** The reason why it cannot be rendered. */
  readonly fault: AnswerTooLong | undefined;
}

interface Job {
  readonly promise: Promise<Rendered>;
  /** The version at its start. */
  readonly latest: bigint;
  /** Renders as much as this turn has left. Returns true at the end. */
  readonly work: () => boolean;
}

const freshMsMin = 1_000;
const freshFactor = 20;
/** Bytes rendered per turn of the event loop, approximately. */
const turnBytes = 512 * 1024;
const partCharacters = 64 * 1024;
/** The longest short text. */
const shortBytes = 64 * 1024;
const shortBytesInAll = 4 * 1024 * 1024;
const longBytesInAll = 64 * 1024 * 1024;
/** Long texts that nobody read within this time are dropped. */
const keptMs = 10_000;
const jobsMax = 4_096;

export class Renderings {
  private readonly parts: { readonly bytesMax: number; readonly stamp: () => number };
  /** Valid while the stamp is `shortStamp`. */
  private readonly short = new Map<string, Rendered>();
  private shortStamp = -1;
  private shortBytes = 0;
  /** In order of last use. */
  private readonly long = new Map<string, Kept>();
  private longBytes = 0;
  private readonly jobs = new Map<string, Job>();
  private turnBytesLeft = turnBytes;
  private isTurnPlanned = false;
  private sweeper: ReturnType<typeof setTimeout> | undefined;

  /** `bytesMax` bounds one service; `stamp` returns a number that changes with every change and renewal. */
  constructor(parts: Renderings["parts"]) {
    this.parts = parts;
  }

  /** Stops the timer. */
  close(): void {
    clearTimeout(this.sweeper);
    this.short.clear();
    this.long.clear();
  }

  /**
   * Renders a service's instances whose status is in `mask`, in one zone or ('') in all, as readers of `env` see them.
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
      // The caller may know of a version that this job started too early for.
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
    const rendering = new Rendering(zonePieces(app, env, zone, mask), this.parts.bytesMax);
    const done = (): Rendered => {
      const rendered = rendering.result();
      if (rendered.bytes <= shortBytes) {
        // A text that took several turns may be older than the stamp.
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
      // Repeated requests fail without another try.
      if (error instanceof AnswerTooLong) keep({ parts: [], bytes: 0 }, error);
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
    const stamp = this.parts.stamp();
    if (stamp !== this.shortStamp) {
      this.shortStamp = stamp;
      this.short.clear();
      this.shortBytes = 0;
    }
    return this.short.get(key);
  }

  private keepShort(key: string, rendered: Rendered): void {
    if (this.shortBytes + rendered.bytes > shortBytesInAll || this.parts.stamp() !== this.shortStamp) return;
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

/** The rendering of one service. */
class Rendering {
  bytes = 0;
  tookMs = 0;
  turns = 0;
  private readonly pieces: Iterator<string, undefined>;
  private readonly bytesMax: number;
  private readonly parts: Uint8Array[] = [];
  private text = "";

  constructor(pieces: Iterator<string, undefined>, bytesMax: number) {
    this.pieces = pieces;
    this.bytesMax = bytesMax;
  }

  /** Renders about `bytes` bytes. Returns true when all is rendered. Throws AnswerTooLong. */
  work(bytes: number): boolean {
    const beganMs = performance.now();
    this.turns++;
    const end = this.bytes + bytes;
    let isDone = false;
    while (!isDone && this.bytes + this.text.length < end) {
      const { value, done } = this.pieces.next();
      if (done === true) isDone = true;
      else this.text += value;
      if (isDone || this.text.length >= partCharacters) this.cut();
    }
    this.tookMs += performance.now() - beganMs;
    return isDone;
  }

  result(): Rendered {
    return { parts: this.parts, bytes: this.bytes };
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
