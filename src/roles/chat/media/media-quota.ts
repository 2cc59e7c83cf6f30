// How many bytes of files each account had lately. The store is asked at most once a minute for an account, for it
// looks at each of its files; the commit of a promise adds what came since, so that no account exceeds its bound,
// whichever nodes it uses. What an account removes makes room up to a minute later.
//
// Memory: an entry for each of the accounts that asked for tickets lately.

import { accountKey } from "../../../base/account-key.ts";
import type { Clock } from "../../../base/clock.ts";
import { GenerationCache } from "../../../base/generation-cache.ts";
import type { MediaStore, MediaUse } from "../../../store/media.ts";

const keptMs = 60_000;
/** Of about 200 bytes. */
const entriesMax = 10_000;

interface Asked {
  /** When the store was asked, on the monotonic clock. */
  askedMs: number;
  readonly use: Promise<MediaUse>;
}

export class MediaQuota {
  private readonly store: Pick<MediaStore, "useOf">;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly asked = new GenerationCache<Asked>(entriesMax);

  constructor(store: Pick<MediaStore, "useOf">, clock: Pick<Clock, "monotonicMs">) {
    this.store = store;
    this.clock = clock;
  }

  /** What an account had, a minute ago at most. Rejects as the store does. */
  async useOf(app: string, account: string): Promise<MediaUse> {
    const asked = this.askedOf(app, account);
    try {
      return await asked.use;
    } catch (error) {
      asked.askedMs = -Infinity;
      throw error;
    }
  }

  private askedOf(app: string, account: string): Asked {
    const key = accountKey(app, account);
    const former = this.asked.get(key);
    const nowMs = this.clock.monotonicMs();
    if (former !== undefined && nowMs - former.askedMs < keptMs) return former;
    const asked = { askedMs: nowMs, use: this.store.useOf(app, account) };
    this.asked.set(key, asked);
    return asked;
  }
}
