// Standard output and standard error of a process that must outlive their readers and their disks.
//
// Measured with Bun 1.4.5 on Linux: `process.stderr.write` to a full disk or a pipe without a reader emits `error`, which
// ends the process if nobody listens; its queue has no bound; and it sets O_NONBLOCK on a pipe that other processes share.
// `fs.writeSync` blocks when a pipe is full. SIGPIPE is ignored; such a write fails with EPIPE. So the server asks poll(2)
// (0.4 µs) before it writes at most PIPE_BUF bytes, which then fit without waiting. Files are always ready.

import { dlopen } from "bun:ffi";
import { fstatSync, writeSync } from "node:fs";
import { codeOf } from "./failure.ts";
import { type LineSink, LineWriter } from "./line-writer.ts";

/** Linux, `limits.h` and `poll.h`. */
const pipeBufBytes = 4096;
const pollOut = 4;
/** How long the exit may wait for a slow reader. */
const flushMsMax = 500;

const unwritable: ReadonlySet<string> = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/** Lines to a descriptor, flushed when the process exits. `notice` reports a number of lost lines. */
export function linesTo(descriptor: 1 | 2, notice: (lines: number) => string): LineWriter {
  const writer = new LineWriter(new DescriptorSink(descriptor), notice);
  process.on("exit", () => writer.flush(flushMsMax));
  return writer;
}

/** Writes to a descriptor without waiting. */
class DescriptorSink implements LineSink {
  private readonly descriptor: number;
  /** Undefined: a file, which has no room to wait for; or a C library that cannot be asked. */
  private readonly poll: ((timeoutMs: number) => boolean) | undefined;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.poll = isFile(descriptor) ? undefined : pollerOf(descriptor);
  }

  write(bytes: Uint8Array): number {
    if (this.poll?.(0) === false) return 0;
    try {
      const count = this.poll === undefined ? bytes.length : Math.min(bytes.length, pipeBufBytes);
      return writeSync(this.descriptor, bytes, 0, count);
    } catch (error) {
      if (unwritable.has(codeOf(error))) return 0;
      throw error;
    }
  }

  wait(ms: number): void {
    this.poll?.(ms);
  }
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    // A descriptor that is closed: each write will say so.
    return true;
  }
}

/** Waits for room for at most some milliseconds; false if there is none. A stream that failed counts as ready. */
function pollerOf(descriptor: number): ((timeoutMs: number) => boolean) | undefined {
  try {
    const { symbols } = dlopen("libc.so.6", { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });
    // struct pollfd: int fd, short events, short revents.
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setInt32(0, descriptor, true);
    view.setInt16(4, pollOut, true);
    return (timeoutMs) => symbols.poll(entry, 1, timeoutMs) > 0;
  } catch {
    // Another C library: a pipe that is full makes writes wait.
    return undefined;
  }
}
