// Time as an argument: pure cores take a Clock, so that a test or a simulation can drive them.

/** Wall and monotonic time. */
export interface Clock {
  /** Milliseconds since 1970, as the operating system believes; may step, backwards too. */
  wallMs(): number;
  /**
   * Nanoseconds since 1970 with a resolution well below a millisecond; within 2 ms of `wallMs`. It steps when the wall
   * clock is set, backwards too: whoever needs numbers that rise keeps the last one (hybrid clock, snowflake).
   */
  wallNs(): bigint;
  /** Milliseconds since some fixed moment; never runs backwards. */
  monotonicMs(): number;
}

/** How far the two clocks of `wallNsFrom` may part, in milliseconds: above the one that the coarse clock cuts off. */
const partedMsMax = 2;

/**
 * Nanoseconds since 1970, made of a clock that is right and coarse (`wallMs`) and one that is fine and starts anywhere
 * (`monotonicMs`). The fine one does not know of a wall clock that was set, and stands still while the machine sleeps:
 * where they part by more than 2 ms the coarse one counts.
 */
export function wallNsFrom({ wallMs, monotonicMs }: Pick<Clock, "wallMs" | "monotonicMs">): () => bigint {
  let anchorMs = wallMs() - monotonicMs();
  return () => {
    const sinceMs = monotonicMs();
    const coarseMs = wallMs();
    if (Math.abs(anchorMs + sinceMs - coarseMs) > partedMsMax) anchorMs = coarseMs - sinceMs;
    // A double of microseconds since 1970 is exact.
    return BigInt(Math.round((anchorMs + sinceMs) * 1e3)) * 1000n;
  };
}

const wallMs = (): number => Date.now();
const monotonicMs = (): number => performance.now();

/** The machine's clocks. */
export const systemClock: Clock = { wallMs, wallNs: wallNsFrom({ wallMs, monotonicMs }), monotonicMs };
