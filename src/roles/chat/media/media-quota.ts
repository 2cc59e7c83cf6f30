// How many bytes of files each account has. The store is asked at most once a minute for an account, for it looks at
// each of its files; in between, what this process promises is added. So an account that uses several nodes may exceed
// its bound by what they promise within a minute, and what it removes makes room as late.
//
// Memory: an entry for each of the accounts that asked for tickets lately.

import { accountKey } from "../../../base/account-key.ts";
import type { Clock } from "../../../base/clock.ts";
import { GenerationCache } from "../../../base/generation-cache.ts";
import type { MediaStore } from "../../../store/media.ts";

const keptMs = 60_000;
/** Of about 200 bytes. */
const entriesMax = 10_000;

/** The files of an account. */
interface Use {
  /** When the store was asked, on the monotonic clock. */
  askedMs: number;
  /** What the store has answered. */
  readonly stored: Promise<number>;
  /** What was promised since. */
  promised: number;
}

export class MediaQuota {
  private readonly store: Pick<MediaStore, "bytesOf">;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly uses = new GenerationCache<Use>(entriesMax);

  constructor(store: Pick<MediaStore, "bytesOf">, clock: Pick<Clock, "monotonicMs">) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * Reserves room for a file, and returns a function that gives it back, for a file that is not promised; undefined if
   * the account would have more than `bytesMax`. Rejects as the store does.
   */
  async reserve(app: string, account: string, bytes: number, bytesMax: number): Promise<(() => void) | undefined> {
    const use = this.useOf(app, account);
    // At once: others that ask meanwhile see it.
    use.promised += bytes;
    const giveBack = (): void => void (use.promised -= bytes);
    try {
      if ((await use.stored) + use.promised <= bytesMax) return giveBack;
    } catch (error) {
      giveBack();
      use.askedMs = -Infinity;
      throw error;
    }
    giveBack();
    return undefined;
  }

  private useOf(app: string, account: string): Use {
    const key = accountKey(app, account);
    const former = this.uses.get(key);
    const nowMs = this.clock.monotonicMs();
    if (former !== undefined && nowMs - former.askedMs < keptMs) return former;
    const use = { askedMs: nowMs, stored: this.store.bytesOf(app, account), promised: 0 };
    this.uses.set(key, use);
    return use;
  }
}
