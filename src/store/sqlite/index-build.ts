// Completes the index from the log at a start or after damage, in steps of the compactor thread, and logs how far it
// is.

import { assert } from "../../base/assert.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { RequestTarget } from "./protocol.ts";

const sayEveryMs = 5_000;
const pauseMsMin = 2;
/** A start waits for the index for this long. */
const patienceMs = 2_000;

export class IndexBuild {
  /** All requests are served meanwhile: it pauses as long as its steps take. */
  isServing = false;
  private readonly compactor: RequestTarget;
  private readonly log: Log;
  private readonly clock: Clock;
  private running: Promise<void> | undefined;
  private takesLong = Promise.withResolvers<"beside" | "missing">();
  private percent: number | undefined;

  constructor(compactor: RequestTarget, log: Log, clock: Clock = systemClock) {
    this.compactor = compactor;
    this.log = log;
    this.clock = clock;
  }

  /** Appends how far it is, if anything is being built. */
  describe(sentence: string): string {
    return this.percent === undefined ? sentence : `${sentence}; ${this.percent} % done`;
  }

  /** Resolves when the messages that are in no run of the index fit into memory. Several callers share a build. */
  run(): Promise<void> {
    if (this.running !== undefined) return this.running;
    this.takesLong = Promise.withResolvers();
    this.running = this.build().finally(() => {
      this.running = undefined;
      this.percent = undefined;
    });
    return this.running;
  }

  /**
   * Starts a build. Resolves when it is complete, or when requests should be served meanwhile: at once if a former
   * index serves (`beside`), otherwise after two seconds (`missing`).
   */
  start(): Promise<"complete" | "beside" | "missing"> {
    const running = this.run();
    return Promise.race([running.then(() => "complete" as const), this.takesLong.promise]);
  }

  private async build(): Promise<void> {
    const { clock } = this;
    const beganMs = clock.monotonicMs();
    let saidMs: number | undefined;
    for (;;) {
      const stepMs = clock.monotonicMs();
      const answer = await this.compactor.call({ kind: "catchUp" });
      assert(answer.kind === "caughtUp", "a step of building the index is answered with how far it is");
      if (!answer.more) break;
      const { messages, percent, isBeside } = answer;
      const nowMs = clock.monotonicMs();
      this.percent = percent;
      if (saidMs === undefined) {
        this.log.info("The index of the messages is completed from the log; that takes some seconds a million.");
        saidMs = nowMs;
      } else if (nowMs - saidMs >= sayEveryMs) {
        const done = percent === undefined ? {} : { percent };
        this.log.info("The index of the messages is being built.", { ...done, messages });
        saidMs = nowMs;
      }
      if (isBeside) this.takesLong.resolve("beside");
      else if (nowMs - beganMs >= patienceMs) this.takesLong.resolve("missing");
      await Bun.sleep(this.isServing ? Math.max(pauseMsMin, nowMs - stepMs) : pauseMsMin);
    }
    if (saidMs !== undefined) this.log.info("The index of the messages is complete.");
  }
}
