// The machine's wall clock in nanoseconds, as programs in other languages read it: clock_gettime(3) of the C library.

import { dlopen, ptr } from "bun:ffi";

/** Linux, `time.h`. */
const clockRealtime = 0;

const { clock_gettime: readClock } = dlopen("libc.so.6", {
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
}).symbols;
/** `struct timespec` of 64-bit Linux: seconds, nanoseconds. */
const time = new BigInt64Array(2);

/** Nanoseconds since 1970. */
export function realNs(): bigint {
  readClock(clockRealtime, ptr(time));
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
