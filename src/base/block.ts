// Blocks a thread for less time than a timer can.
//
// Atomics.wait does not serve: JavaScriptCore waits for a moment of the wall clock (FUTEX_CLOCK_REALTIME), so a thread
// waits for a year if that clock is set back by a year meanwhile. usleep(3) takes a duration.

import { dlopen } from "bun:ffi";

let sleepUs: ((us: number) => unknown) | undefined;

/** Blocks the calling thread for about `ms` milliseconds, at most a second. Fractions count. */
export function blockFor(ms: number): void {
  sleepUs ??= openSleep();
  sleepUs(Math.ceil(ms * 1_000));
}

function openSleep(): (us: number) => unknown {
  try {
    return dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols.usleep;
  } catch {
    // Another C library: whole milliseconds.
    return (us) => Bun.sleepSync(Math.ceil(us / 1_000));
  }
}
