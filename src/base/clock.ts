// Time as an argument, so that a test or a simulation can drive pure code.

/** Wall and monotonic time. */
export interface Clock {
  /** Milliseconds since 1970 by the operating system's clock. May step, also backwards. */
  wallMs(): number;
  /**
   * Nanoseconds since 1970 with the monotonic clock's resolution, not less than `wallMs`. Steps when the wall clock is
   * set, also backwards: callers that need increasing numbers keep the last one (hybrid clock, the store's writer).
   */
  wallNs(): bigint;
  /** Milliseconds since a fixed moment. Never decreases. */
  monotonicMs(): number;
}

/** The most that the two clocks of `wallNsFrom` drift apart while nobody sets one. */
const jitterMs = 0.01;
/** Bounds the wait for the first tick of the coarse clock: more readings than fit into a millisecond. */
const readingsMax = 100_000;

/**
 * Combines a clock that is right but coarse (`wallMs`) with one that is fine but starts anywhere (`monotonicMs`), and
 * returns a function that reads nanoseconds since 1970. The difference between the clocks is constant until the wall
 * clock is set or the machine sleeps. It is known at the coarse clock's ticks, and every reading bounds it from both
 * sides; outside of these bounds the upper one applies. So the result is never less than the true time (except for
 * `jitterMs`), and after a step at most a millisecond more. The first call waits for a tick, at most a millisecond.
 */
export function wallNsFrom({ wallMs, monotonicMs }: Pick<Clock, "wallMs" | "monotonicMs">): () => bigint {
  // A double holds nanoseconds of small numbers only.
  const baseMs = wallMs();
  const baseNs = BigInt(baseMs) * 1_000_000n;
  let aheadMs: number | undefined;

  const ticked = (): number => {
    let beforeMs = monotonicMs();
    const firstMs = wallMs();
    for (let reading = 0; reading < readingsMax; reading++) {
      const nextMs = monotonicMs();
      if (wallMs() !== firstMs) break;
      beforeMs = nextMs;
    }
    return firstMs - baseMs + 1 - beforeMs;
  };

  return () => {
    aheadMs ??= ticked();
    const beforeMs = monotonicMs();
    const coarseMs = wallMs() - baseMs;
    const afterMs = monotonicMs();
    const aheadMsMin = coarseMs - afterMs;
    const aheadMsMax = coarseMs + 1 - beforeMs;
    if (aheadMs > aheadMsMax) aheadMs = aheadMsMax;
    else if (aheadMs < aheadMsMin) aheadMs = aheadMsMin - aheadMs < jitterMs ? aheadMsMin : aheadMsMax;
    return baseNs + BigInt(Math.ceil((aheadMs + afterMs) * 1e6));
  };
}

const wallMs = (): number => Date.now();
const monotonicMs = (): number => performance.now();

/** The machine's clocks. */
export const systemClock: Clock = { wallMs, wallNs: wallNsFrom({ wallMs, monotonicMs }), monotonicMs };
