// Time as an argument: pure cores take a Clock, so that a test or a simulation can drive them.

/** Wall and monotonic time. */
export interface Clock {
  /** Milliseconds since 1970, as the operating system believes; may step. */
  wallMs(): number;
  /** Nanoseconds since 1970 with a resolution well below a millisecond; may step. */
  wallNs(): bigint;
  /** Milliseconds since some fixed moment; never runs backwards. */
  monotonicMs(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  // performance carries microseconds; a double of milliseconds since 1970 holds about 0.2 µs.
  wallNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n,
  monotonicMs: () => performance.now(),
};
