// Time as an argument: pure cores take a Clock, so that a test or a simulation can drive them.

/** Wall and monotonic time. */
export interface Clock {
  /** Milliseconds since 1970, as the operating system believes; may step, backwards too. */
  wallMs(): number;
  /**
   * Nanoseconds since 1970, as fine as the monotonic clock, and not less than `wallMs`. It steps when the wall clock is set,
   * backwards too: whoever needs numbers that rise keeps the last one (hybrid clock, the store's writer).
   */
  wallNs(): bigint;
  /** Milliseconds since some fixed moment; never runs backwards. */
  monotonicMs(): number;
}

/** By so much the two clocks of `wallNsFrom` wander against each other while nobody sets one. */
const jitterMs = 0.01;
/** Readings while the first tick of the coarse clock is awaited: more than a millisecond has room for. */
const readingsMax = 100_000;

/**
 * Nanoseconds since 1970, made of a clock that is right and coarse (`wallMs`) and one that is fine and starts anywhere
 * (`monotonicMs`). What lies between the two is constant until the wall clock is set or the machine sleeps. It is known at the
 * coarse clock's ticks, and bounded from both sides by every reading; where it is out of these bounds, the upper one counts. So
 * the result is never less than the true time (but for `jitterMs`), and after a step at most a millisecond more. The first
 * call waits for a tick, a millisecond at most.
 */
export function wallNsFrom({ wallMs, monotonicMs }: Pick<Clock, "wallMs" | "monotonicMs">): () => bigint {
  // Small numbers keep their nanoseconds in a double.
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
