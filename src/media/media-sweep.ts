// Removes the content of files that are gone (store/media.ts). The store's rows are the list of what is to do: a file
// is forgotten only after its content was removed, so a crash, or a place that is away, leaves it for a later round.
// Several processes may sweep one store: removing twice does no harm.
//
// A ticket to upload a file outlives it: an account is deleted, a message recalled, and then comes the content, for the
// first time or once more. So a file is removed at once, and again when no ticket lets anybody upload it any more; it
// is forgotten only then.

import type { Clock } from "../base/clock.ts";
import { GenerationCache } from "../base/generation-cache.ts";
import { uploadTicketSeconds } from "../base/limits/fixed.ts";
import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import type { GoneMedia, MediaStore } from "../store/media.ts";
import { timeOfId } from "../store/snowflake.ts";
import type { MediaPlace } from "./media-place.ts";

const sweepFirstMs = 5_000;
const sweepEveryMs = 60_000;
/** Files of a page, and those that are removed at a time. */
const pageMax = 100;
const atOnce = 4;
/** Pages of one round: a place that is away for a day must not fill the next minutes. */
const pagesMax = 50;
/** After a promise nothing is uploaded any more: the time of its ticket, and as long for an upload that was begun. */
const uploadsEndMs = 2 * uploadTicketSeconds * 1_000;
/** Files whose first removal is remembered; others are removed once more in each round. */
const removedMax = 20_000;

export class MediaSweep {
  private readonly store: Pick<MediaStore, "gone" | "forget">;
  private readonly place: Pick<MediaPlace, "remove">;
  private readonly timers: Timers;
  private readonly clock: Pick<Clock, "wallMs">;
  private readonly log: Log;
  /** Ids of files that were removed, and may be uploaded again. */
  private readonly removedOnce = new GenerationCache<true>(removedMax);
  private cancel: Cancel | undefined;
  private round: Promise<void> | undefined;
  private isStopped = false;
  private isFailing = false;
  /** Where the next round begins: files that cannot be removed keep no others waiting. */
  private after = 0n;

  constructor(
    store: Pick<MediaStore, "gone" | "forget">,
    place: Pick<MediaPlace, "remove">,
    { timers, clock, log }: { readonly timers: Timers; readonly clock: Pick<Clock, "wallMs">; readonly log: Log },
  ) {
    this.store = store;
    this.place = place;
    this.timers = timers;
    this.clock = clock;
    this.log = log;
    this.later(sweepFirstMs);
  }

  /** Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancel?.();
    await this.round;
  }

  /** One round, at once; for the timer, and for tests. */
  async sweep(): Promise<void> {
    let failure: string | undefined;
    for (let pages = 0; pages < pagesMax && !this.isStopped; pages++) {
      const page = await this.store.gone(this.after, pageMax);
      const nowMs = this.clock.wallMs();
      const due = page.filter((file) => hasEnded(file, nowMs) || this.removedOnce.get(file.id) === undefined);
      const ended: string[] = [];
      for (let start = 0; start < due.length; start += atOnce) {
        const results = await Promise.all(due.slice(start, start + atOnce).map((file) => this.removed(file)));
        for (const result of results) {
          if ("failure" in result) failure = result.failure;
          else if (hasEnded(result.file, nowMs)) ended.push(result.file.id);
          else this.removedOnce.set(result.file.id, true);
        }
      }
      if (ended.length > 0) await this.store.forget(ended);
      this.after = page.length < pageMax ? 0n : (page.at(-1)?.number ?? 0n);
      // The rest of a round would most likely fail, too.
      if (this.after === 0n || failure !== undefined) break;
    }
    this.tell(failure);
  }

  private async removed(file: GoneMedia): Promise<{ readonly file: GoneMedia } | { readonly failure: string }> {
    try {
      await this.place.remove(file.id);
      return { file };
    } catch (error) {
      return { failure: reasonOf(error) };
    }
  }

  /** Logs the first failure, and its end. */
  private tell(failure: string | undefined): void {
    if (failure !== undefined && !this.isFailing)
      this.log.warn("Files that no message names any more could not be removed; retrying every minute.", {
        reason: failure,
      });
    if (failure === undefined && this.isFailing)
      this.log.info("Files that no message names any more are removed again.");
    this.isFailing = failure !== undefined;
  }

  private later(delayMs: number): void {
    if (this.isStopped) return;
    this.cancel = this.timers.after(delayMs, () => {
      this.round = this.sweep()
        .catch((error: unknown) => {
          this.log.debug("Finding files that no message names failed; retrying.", { reason: reasonOf(error) });
        })
        .then(() => this.later(sweepEveryMs));
    });
  }
}

/** Whether nobody can upload it any more. Ids are no clock, but tickets end by the clock that they were made by. */
function hasEnded({ version }: GoneMedia, nowMs: number): boolean {
  return timeOfId(version) + uploadsEndMs <= nowMs;
}
