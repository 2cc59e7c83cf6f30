// Services as JSON, each rendered once a version, for all who read it: an answer holds the same buffers as the others do.
// Its renewals go on meanwhile; a text that is read often is made anew after a second, or after so long that making it
// takes a twentieth of the time. What is long is made over several turns of the event loop, one service after the other.
//
// Memory: what is kept here is bounded, oldest use first out, and dropped when nobody has asked for a while.

import { discoveryAppid, Status } from "../instance.ts";
import type { App } from "../table.ts";
import { zonePieces } from "./answers.ts";

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

interface Kept extends Rendered {
  readonly latest: bigint;
  readonly madeAtMs: number;
  /** It is good for this long. */
  readonly freshMs: number;
}

interface Job {
  readonly promise: Promise<Rendered>;
  /** The version of its beginning. */
  readonly latest: bigint;
  /** Renders as much as this turn has left. Returns true when it is over. */
  readonly work: () => boolean;
}

/** JSON, and how many instances are in it. */
export interface Piece {
  readonly text: string;
  readonly count: number;
}

const freshMsMin = 1_000;
const freshFactor = 20;
/** Rendered in one turn of the event loop, roughly. */
const turnBytes = 512 * 1024;
const partCharacters = 64 * 1024;
/** All that is kept; one that is longer is not. */
const keptBytesMax = 64 * 1024 * 1024;
const keptMax = 10_000;
/** What nobody has asked for within this time is dropped. */
const keptMs = 10_000;
const jobsMax = 4_096;

export class Renderings {
  private readonly bytesMax: number;
  /** In the order of their last use. */
  private readonly kept = new Map<string, Kept>();
  private keptBytes = 0;
  private readonly jobs = new Map<string, Job>();
  private turnBytesLeft = turnBytes;
  private isTurnPlanned = false;
  private sweeper: ReturnType<typeof setTimeout> | undefined;

  /** @param bytesMax of one service */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Ends its timer. */
  close(): void {
    clearTimeout(this.sweeper);
    this.kept.clear();
  }

  /**
   * A service's instances whose status is in `mask`, in one zone or (with '') in all; as readers of `env` see it.
   * @throws (or rejects with) AnswerTooLong, RenderingBusy
   */
  of(app: App, env: string, zone: string, mask: number): Rendered | Promise<Rendered> {
    const bits = mask & Status.Any;
    const shownEnv = app.key.endsWith(`\n${discoveryAppid}`) ? env : undefined;
    const key = `${app.key}\n${zone}\n${bits}\n${shownEnv ?? ""}`;
    const kept = this.kept.get(key);
    if (kept !== undefined) {
      this.drop(key, kept);
      if (kept.latest === app.latest && performance.now() - kept.madeAtMs < kept.freshMs) {
        this.keep(key, kept);
        return kept;
      }
    }
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
    const done = (): Kept => {
      const freshMs = Math.max(freshMsMin, rendering.tookMs * freshFactor);
      const kept: Kept = { ...rendering.result(), latest, madeAtMs: performance.now(), freshMs };
      this.keep(key, kept);
      return kept;
    };
    if (this.jobs.size === 0 && this.turnBytesLeft > 0 && this.work(rendering)) return done();
    const { promise, resolve, reject } = Promise.withResolvers<Rendered>();
    const work = (): boolean => {
      try {
        if (!this.work(rendering)) return false;
        this.jobs.delete(key);
        resolve(done());
      } catch (error) {
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
    this.planTurn();
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

  private keep(key: string, kept: Kept): void {
    const known = this.kept.get(key);
    if (known !== undefined) this.drop(key, known);
    this.kept.set(key, kept);
    this.keptBytes += kept.bytes;
    for (const [oldest, { bytes }] of this.kept) {
      if (this.keptBytes <= keptBytesMax && this.kept.size <= keptMax) break;
      this.kept.delete(oldest);
      this.keptBytes -= bytes;
    }
    this.sweeper ??= setTimeout(() => this.sweep(), keptMs);
  }

  private drop(key: string, { bytes }: Kept): void {
    if (this.kept.delete(key)) this.keptBytes -= bytes;
  }

  private sweep(): void {
    this.sweeper = undefined;
    const nowMs = performance.now();
    for (const [key, kept] of this.kept) {
      if (nowMs - kept.madeAtMs > Math.max(keptMs, kept.freshMs)) this.drop(key, kept);
    }
    if (this.kept.size > 0) this.sweeper = setTimeout(() => this.sweep(), keptMs);
  }
}

/** One service on its way to bytes. */
class Rendering {
  bytes = 0;
  tookMs = 0;
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
