// A queue of lines for a stream that may be slow, full or closed. Lines keep their order and are never torn: a partly
// written line is finished before anything else is written.
//
// A line is lost, and counted, if the stream fails (a full disk, a pipe without a reader) or if the queue is full. When
// the stream works again, one line reports the number of lost lines. Only `flush` waits; nothing throws.

/** The destination of the bytes. */
export interface LineSink {
  /**
   * Writes what fits without waiting. Returns the number of bytes written, 0 if nothing fits. Throws if the stream
   * fails.
   */
  write(bytes: Uint8Array): number;
  /** Waits at most `ms` milliseconds for room. */
  wait(ms: number): void;
}

/** A queued line, or a queued notice of lost lines. */
interface Waiting {
  readonly bytes: Uint8Array;
  /** The number of lost lines that a notice reports; 0 for a line. */
  readonly reports: number;
}

type Progress = "empty" | "full" | "failing";

export const queuedBytesMax = 1024 * 1024;
/** Pauses before the next attempt. */
const fullPauseMs = 20;
const failingPauseMs = 1_000;

export class LineWriter {
  private readonly sink: LineSink;
  private readonly notice: (lines: number) => string;
  private readonly queue: Waiting[] = [];
  private queuedBytes = 0;
  /** The bytes of the first entry that are written. */
  private written = 0;
  private lostLines = 0;
  /** Lost lines that no queued notice reports. */
  private unreported = 0;
  /** True from the first loss until the queue is empty, so that the lost lines form one gap. */
  private isLosing = false;
  private timer: Timer | undefined;

  /** `notice` returns the line that reports a number of lost lines. */
  constructor(sink: LineSink, notice: (lines: number) => string) {
    this.sink = sink;
    this.notice = notice;
  }

  /** The number of lines lost since the start. */
  get lost(): number {
    return this.lostLines;
  }

  /** Writes a line, which ends with a newline, now or when there is room. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.isLosing) this.advance();
    if (this.isLosing || this.queuedBytes + bytes.length > queuedBytesMax) {
      this.isLosing = true;
      this.lostLines++;
      this.unreported++;
      this.retryLater("full");
      return;
    }
    this.push({ bytes, reports: 0 });
    this.advance();
  }

  /** Writes the queue before the process exits. Waits at most `msMax` milliseconds for a slow stream. */
  flush(msMax: number): void {
    const endMs = performance.now() + msMax;
    for (let leftMs = msMax; this.advance() === "full" && leftMs > 0; leftMs = endMs - performance.now()) {
      this.sink.wait(Math.ceil(leftMs));
    }
  }

  private push(waiting: Waiting): void {
    this.queue.push(waiting);
    this.queuedBytes += waiting.bytes.length;
  }

  private shift(): void {
    this.queuedBytes -= this.queue.shift()?.bytes.length ?? 0;
    this.written = 0;
  }

  /** Writes as much as the stream accepts. */
  private advance(): Progress {
    for (;;) {
      const [head] = this.queue;
      if (head === undefined) {
        if (this.unreported === 0) {
          this.isLosing = false;
          return "empty";
        }
        this.push({ bytes: Buffer.from(this.notice(this.unreported)), reports: this.unreported });
        this.unreported = 0;
        this.isLosing = false;
        continue;
      }
      try {
        const count = this.sink.write(head.bytes.subarray(this.written));
        if (count === 0) return this.retryLater("full");
        this.written += count;
      } catch {
        // The notice reports the loss; there is nowhere to log the error.
        this.loseQueue();
        return this.retryLater("failing");
      }
      if (this.written === head.bytes.length) this.shift();
    }
  }

  /** Drops the queue after a failure, except for the rest of a partly written line. */
  private loseQueue(): void {
    const lost = this.queue.splice(this.written > 0 ? 1 : 0);
    for (const { bytes, reports } of lost) {
      this.queuedBytes -= bytes.length;
      if (reports === 0) this.lostLines++;
      this.unreported += Math.max(1, reports);
    }
    this.isLosing = true;
  }

  private retryLater(progress: "full" | "failing"): Progress {
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined;
        this.advance();
      },
      progress === "full" ? fullPauseMs : failingPauseMs,
    );
    this.timer.unref();
    return progress;
  }
}
