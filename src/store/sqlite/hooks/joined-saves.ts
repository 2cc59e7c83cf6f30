// Saves what changes for webhooks in the commits of messages. A commit of its own waits for the disk, and so do the
// messages that come meanwhile: at 20,000 messages a second there would be one for each page that an endpoint is told.
// Where no message comes soon, it is committed alone.

import { assert } from "../../../base/assert.ts";
import type { Time } from "../../../base/runtime.ts";
import type { Cancel } from "../../../base/timers.ts";
import { StoreDamaged } from "../../store.ts";
import type { Answer, Request, RequestTarget } from "../protocol.ts";
import type { HookSave } from "./requests.ts";

/** How long it waits for messages, and after how long without any it does not wait for more. */
const joinMs = 10;
/** The bound on what a commit of messages carries besides, unless a single one is longer. */
const joinedCharactersMax = 64 * 1024;

interface Waiting {
  readonly save: HookSave;
  readonly characters: number;
  readonly saved: PromiseWithResolvers<boolean>;
}

export class JoinedSaves implements RequestTarget {
  private readonly writer: RequestTarget;
  private readonly time: Time;
  /** Each lane of an endpoint has one at most. */
  private readonly waiting: Waiting[] = [];
  private batchMs = -Infinity;
  private cancel: Cancel | undefined;

  constructor(writer: RequestTarget, time: Time) {
    this.writer = writer;
    this.time = time;
  }

  /** Passes a request on; a batch of messages carries what waits. */
  call(request: Request): Promise<Answer> {
    if (request.kind !== "batch") return this.writer.call(request);
    this.batchMs = this.time.clock.monotonicMs();
    return this.waiting.length === 0 ? this.writer.call(request) : this.callWith(request, this.take());
  }

  /** False if somebody else has the lease; rejects with StoreUnavailable. */
  save(save: HookSave): Promise<boolean> {
    const waiting = { save, characters: charactersOf(save), saved: Promise.withResolvers<boolean>() };
    this.waiting.push(waiting);
    const isQuiet = this.time.clock.monotonicMs() - this.batchMs > joinMs;
    this.cancel ??= this.time.timers.after(isQuiet ? 0 : joinMs, () => this.saveAlone());
    return waiting.saved.promise;
  }

  private saveAlone(): void {
    this.cancel = undefined;
    // Whoever waits for it learns of a failure.
    while (this.waiting.length > 0) this.callWith({ kind: "batch", jobs: [] }, this.take()).catch(() => undefined);
  }

  /** What the next commit carries, the oldest first. */
  private take(): readonly Waiting[] {
    let count = 0;
    let characters = 0;
    for (const each of this.waiting) {
      characters += each.characters;
      if (count > 0 && characters > joinedCharactersMax) break;
      count++;
    }
    const taken = this.waiting.splice(0, count);
    if (this.waiting.length > 0) return taken;
    this.cancel?.();
    this.cancel = undefined;
    return taken;
  }

  private async callWith(request: Extract<Request, { kind: "batch" }>, taken: readonly Waiting[]): Promise<Answer> {
    try {
      const answer = await this.writer.call({ ...request, saves: taken.map(({ save }) => save) });
      assert(answer.kind === "numbers", "a batch is answered with numbers");
      for (const [at, { saved }] of taken.entries()) saved.resolve(answer.areSaved?.[at] === true);
      return answer;
    } catch (error) {
      for (const { saved } of taken) saved.reject(error);
      // Nothing was committed, and what is damaged may belong to webhooks.
      if (error instanceof StoreDamaged && request.jobs.length > 0) return this.writer.call(request);
      throw error;
    }
  }
}

function charactersOf({ changes }: HookSave): number {
  let characters = 0;
  for (const change of changes)
    if (change.change === "put") for (const ref of change.batch.refs) characters += ref.length;
  return characters;
}
