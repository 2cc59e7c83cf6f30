// Standard output and standard error of a server, which survives a full disk and a closed pipe.
//
// Measured with Bun 1.4.5 on Linux: after a failed write, `process.stderr` emits `error`, which ends the process
// without a listener; its queue is unbounded; and it sets O_NONBLOCK on pipes that other processes share.
// `fs.writeSync` blocks while a pipe or terminal is full. SIGPIPE is ignored; such writes fail with EPIPE.
//
// The server therefore opens a pipe or terminal again, with O_NONBLOCK. A socket, or a pipe of another user, cannot be
// opened again: there it calls poll(2) (0.4 µs) and then writes at most PIPE_BUF bytes, which fit. Writes to a file
// wait for the disk.

import { dlopen } from "bun:ffi";
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { codeOf } from "./failure.ts";
import { type LineSink, LineWriter } from "./line-writer.ts";

/** Linux, `limits.h` and `poll.h`. */
const pipeBufBytes = 4096;
const pollOut = 4;
const pollError = 8;
/** The longest wait for a slow reader at the exit. */
const flushMsMax = 500;

const unwritable: ReadonlySet<string> = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/** Returns a writer of lines to a descriptor, flushed at the exit. `notice` returns the line about lost lines. */
export function linesTo(descriptor: 1 | 2, notice: (lines: number) => string): LineWriter {
  const writer = new LineWriter(new DescriptorSink(descriptor), notice);
  process.on("exit", () => writer.flush(flushMsMax));
  return writer;
}

/** A descriptor for writes that do not block. */
export interface StandardSink extends LineSink {
  /** Reports whether the reader is still there, as far as the system knows. */
  hasReader(): boolean;
}

/** Returns a sink whose caller handles full streams and failures. */
export function sinkOf(descriptor: 1 | 2): StandardSink {
  return new DescriptorSink(descriptor);
}

/** Writes to a descriptor without blocking. The descriptor that it opens stays open until the process ends. */
class DescriptorSink implements StandardSink {
  private readonly descriptor: number;
  private readonly isNonBlocking: boolean;
  /** Undefined for a file, and without a C library that has poll(2). */
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
    // A socket, a pipe of another user, or a pipe without a reader.
    return undefined;
  }
}

function isFileAt(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    // The descriptor is closed: each write will fail.
    return true;
  }
}

/** Returns a function that waits for room and returns the events of poll(2); 0 if there is no room in time. */
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
    // Another C library: writes to a full pipe block.
    return undefined;
  }
}
