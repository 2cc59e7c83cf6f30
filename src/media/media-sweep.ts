// Removes the content of files that are gone (store/media.ts). The store's rows are the list of what is to do: a file
// is forgotten only after its content was removed, so a crash, or a place that is away, leaves it for a later round.
// Several processes may sweep one store: removing twice does no harm.

import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import type { GoneMedia, MediaStore } from "../store/media.ts";
import type { MediaPlace } from "./media-place.ts";

const sweepFirstMs = 5_000;
const sweepEveryMs = 60_000;
/** Files of a page, and those that are removed at a time. */
const pageMax = 100;
const atOnce = 4;
/** Pages of one round: a place that is away for a day must not fill the next minutes. */
const pagesMax = 50;

export class MediaSweep {
  private readonly store: Pick<MediaStore, "gone" | "forget">;
  private readonly place: Pick<MediaPlace, "remove">;
  private readonly timers: Timers;
  private readonly log: Log;
  private cancel: Cancel | undefined;
  private round: Promise<void> | undefined;
  private isStopped = false;
  private isFailing = false;
  /** Where the next round begins: files that cannot be removed keep no others waiting. */
  private after = 0n;

  constructor(
    store: Pick<MediaStore, "gone" | "forget">,
    place: Pick<MediaPlace, "remove">,
    { timers, log }: { readonly timers: Timers; readonly log: Log },
  ) {
    this.store = store;
    this.place = place;
    this.timers = timers;
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
      const removed: string[] = [];
      for (let start = 0; start < page.length; start += atOnce) {
        const results = await Promise.all(page.slice(start, start + atOnce).map((file) => this.removed(file)));
        for (const result of results) {
          if ("id" in result) removed.push(result.id);
          else failure = result.failure;
        }
      }
      if (removed.length > 0) await this.store.forget(removed);
      this.after = page.length < pageMax ? 0n : (page.at(-1)?.number ?? 0n);
      // The rest of a round would most likely fail, too.
      if (this.after === 0n || failure !== undefined) break;
    }
    this.tell(failure);
  }

  private async removed({ id }: GoneMedia): Promise<{ readonly id: string } | { readonly failure: string }> {
    try {
      await this.place.remove(id);
      return { id };
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
