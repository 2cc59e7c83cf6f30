// Standard output and standard error of a process that must outlive their readers and their disks.
//
// Measured with Bun 1.4.5 on Linux: `process.stderr.write` to a full disk or a pipe without a reader emits `error`,
// which ends the process if nobody listens; its queue has no bound; and it sets O_NONBLOCK on a pipe that other
// processes share.
// `fs.writeSync` waits when a pipe or a terminal is full. SIGPIPE is ignored; such a write fails with EPIPE.
//
// So the server opens a pipe or a terminal a second time, for itself, with O_NONBLOCK. A socket, and what another user
// owns, cannot be opened again: there it asks poll(2) (0.4 µs) before it writes at most PIPE_BUF bytes, which then fit.
// To write to a file is to wait for its disk, as every log does.

import { dlopen } from "bun:ffi";
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { codeOf } from "./failure.ts";
import { type LineSink, LineWriter } from "./line-writer.ts";

/** Linux, `limits.h` and `poll.h`. */
const pipeBufBytes = 4096;
const pollOut = 4;
const pollError = 8;
/** How long the exit may wait for a slow reader. */
const flushMsMax = 500;

const unwritable: ReadonlySet<string> = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/** Lines to a descriptor, flushed when the process exits. `notice` reports a number of lost lines. */
export function linesTo(descriptor: 1 | 2, notice: (lines: number) => string): LineWriter {
  const writer = new LineWriter(new DescriptorSink(descriptor), notice);
  process.on("exit", () => writer.flush(flushMsMax));
  return writer;
}

/** A descriptor to write to without waiting; and whether its reader is there, as far as the system can tell. */
export interface StandardSink extends LineSink {
  hasReader(): boolean;
}

/** For what must not be lost: the caller waits and hears of failures. */
export function sinkOf(descriptor: 1 | 2): StandardSink {
  return new DescriptorSink(descriptor);
}

/** Writes to a descriptor without waiting. Its second descriptor, if it has one, is open until the process ends. */
class DescriptorSink implements StandardSink {
  private readonly descriptor: number;
  /** Writes of any length return at once. */
  private readonly isNonBlocking: boolean;
  /** Undefined: a file, which has no room to wait for; or a C library that cannot be asked. */
  private readonly poll: ((timeoutMs: number) => number) | undefined;

  constructor(descriptor: number) {
    const isFile = isFileAt(descriptor);
    const own = isFile ? undefined : openedAgain(descriptor);
    this.descriptor = own ?? descriptor;
    this.isNonBlocking = own !== undefined;
    this.poll = isFile ? undefined : pollerOf(this.descriptor);
  }

  write(bytes: Uint8Array): number {
    const mayWait = !this.isNonBlocking && this.poll !== undefined;
    if (mayWait && this.poll(0) === 0) return 0;
    try {
      return writeSync(this.descriptor, bytes, 0, mayWait ? Math.min(bytes.length, pipeBufBytes) : bytes.length);
    } catch (error) {
      if (unwritable.has(codeOf(error))) return 0;
      throw error;
    }
  }

  wait(ms: number): void {
    this.poll?.(ms);
  }

  hasReader(): boolean {
    return this.poll === undefined || (this.poll(0) & pollError) === 0;
  }
}

/** Returns a non-blocking descriptor of the same pipe or terminal; undefined if it cannot be opened again. */
function openedAgain(descriptor: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, another user's, or a pipe without a reader.
    return undefined;
  }
}

function isFileAt(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    // A descriptor that is closed: each write will say so.
    return true;
  }
}

/**
 * Waits for room for at most some milliseconds; returns the events, 0 for no room. A stream that failed counts as
 * ready.
 */
function pollerOf(descriptor: number): ((timeoutMs: number) => number) | undefined {
  try {
    const { symbols } = dlopen("libc.so.6", { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });
    // struct pollfd: int fd, short events, short revents.
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setInt32(0, descriptor, true);
    view.setInt16(4, pollOut, true);
    return (timeoutMs) => (symbols.poll(entry, 1, timeoutMs) > 0 ? view.getInt16(6, true) : 0);
  } catch {
    // Another C library: a pipe that is full makes writes wait.
    return undefined;
  }
}
