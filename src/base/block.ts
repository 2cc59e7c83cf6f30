// Blocking a thread that has nothing else to do, for less than a timer can.
//
// Not by Atomics.wait: JavaScriptCore waits until a moment of the wall clock (FUTEX_CLOCK_REALTIME), so when that clock is
// set back by a year meanwhile, the thread waits for a year. usleep(3) takes a duration, which no clock changes.

import { dlopen } from "bun:ffi";

let sleepUs: ((us: number) => unknown) | undefined;

/** Blocks the calling thread for about `ms` milliseconds, less than a second; fractions count. */
export function blockFor(ms: number): void {
  sleepUs ??= openSleep();
  sleepUs(Math.ceil(ms * 1_000));
}

function openSleep(): (us: number) => unknown {
  try {
    return dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols.usleep;
  } catch {
    // Another C library; whole milliseconds.
    return (us) => Bun.sleepSync(Math.ceil(us / 1_000));
  }
}
