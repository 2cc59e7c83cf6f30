// A queue of lines before a stream that may be slow, full or gone. Lines keep their order and are never torn: a line
// that was written in part is finished before anything else is written.
//
// A line is lost, and counted, if the stream fails (a full disk, a pipe without a reader) or if the queue is full
// because the stream takes nothing. When the stream works again, one line says how many were lost. Nothing here throws
// or waits.

/** Where the bytes go. */
export interface LineSink {
  /**
   * Writes what fits without waiting. Returns the number of bytes written, 0 if nothing fits now; throws if it fails.
   */
  write(bytes: Uint8Array): number;
  /** Waits until something may fit, for at most `ms` milliseconds. */
  wait(ms: number): void;
}

/** A line that waits, or the notice of lines that were lost. */
interface Waiting {
  readonly bytes: Uint8Array;
  /** Lines whose loss it reports; 0 for a line. */
  readonly reports: number;
}

type Progress = "empty" | "full" | "failing";

export const queuedBytesMax = 1024 * 1024;
/** Pauses before the next try. */
const fullPauseMs = 20;
const failingPauseMs = 1_000;

export class LineWriter {
  private readonly sink: LineSink;
  private readonly notice: (lines: number) => string;
  private readonly queue: Waiting[] = [];
  private queuedBytes = 0;
  /** Bytes of the queue's head that are written. */
  private written = 0;
  private lostLines = 0;
  /** Lost lines that no notice in the queue reports. */
  private unreported = 0;
  /** From the first loss until the queue is empty: what is lost is one gap. */
  private isLosing = false;
  private timer: Timer | undefined;

  /** `notice` makes the line that reports a number of lost lines. */
  constructor(sink: LineSink, notice: (lines: number) => string) {
    this.sink = sink;
    this.notice = notice;
  }

  /** Lines lost since the start. */
  get lost(): number {
    return this.lostLines;
  }

  /** Writes a line, which ends with a newline, now or later. */
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

  /** Writes what waits, before the process exits. Waits for a slow stream for at most `msMax` milliseconds. */
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

  /** Writes as much as the stream takes. */
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
        // The count of lost lines and the notice report it; there is nowhere to log it.
        this.loseQueue();
        return this.retryLater("failing");
      }
      if (this.written === head.bytes.length) this.shift();
    }
  }

  /** The stream fails: what waits is lost, but for the rest of a line that is written in part. */
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
