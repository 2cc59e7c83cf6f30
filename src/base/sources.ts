// Several sources of one answer, some of which may be dead. They are asked in order, each with a short head start over
// the next one, and the first good answer counts. A dead source costs the head start instead of a time limit, and only
// once: sources that failed or were overtaken come last the next time.

/** Runs an action once, after `delayMs`; returns a function that cancels it. */
type After = (delayMs: number, action: () => void) => () => void;

/** The head start of a source: far more than an answer takes, even across a continent. */
export const headStartMs = 400;
/** The time limit of one source. */
export const answerMsMax = 5_000;

interface Reason<Source> {
  readonly source: Source;
  readonly cause: unknown;
}

/** No source answered. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  /** One reason for each source, in the order in which they failed. */
  readonly reasons: readonly Reason<unknown>[];

  constructor(reasons: readonly Reason<unknown>[]) {
    super("no source gave an answer");
    this.reasons = reasons;
  }
}

export class Sources<Source> {
  private readonly all: readonly Source[];
  private readonly after: After;
  /** Sources that did not answer the last time, or answered late. */
  private readonly late = new Set<Source>();

  constructor(all: readonly Source[], after: After) {
    this.all = [...new Set(all)];
    this.after = after;
  }

  /**
   * Asks until one source answers. `ask` gets a signal that aborts when its answer is no longer needed; it may ignore
   * it. After `stopped` aborts, the result never settles and no timer is left.
   * @throws NoAnswer
   */
  first<Answer>(ask: (source: Source, signal: AbortSignal) => Promise<Answer>, stopped: AbortSignal): Promise<Answer> {
    const waiting = [
      ...this.all.filter((source) => !this.late.has(source)),
      ...this.all.filter((source) => this.late.has(source)),
    ];
    const reasons: Reason<Source>[] = [];
    const asked = new Map<Source, (reason: Error) => void>();
    let cancelHeadStart = (): void => undefined;
    return new Promise<Answer>((resolve, reject) => {
      const end = (): void => {
        stopped.removeEventListener("abort", end);
        cancelHeadStart();
        for (const give of asked.values()) give(new Error("the answer is no longer needed"));
        asked.clear();
      };
      const failed = (source: Source, cause: unknown): void => {
        this.late.add(source);
        reasons.push({ source, cause });
        if (waiting.length > 0) askNext();
        else if (asked.size === 0) {
          end();
          reject(new NoAnswer(reasons));
        }
      };
      const answered = (source: Source, answer: Answer): void => {
        for (const overtaken of asked.keys()) this.late.add(overtaken);
        this.late.delete(source);
        end();
        resolve(answer);
      };
      const askNext = (): void => {
        cancelHeadStart();
        const [source] = waiting.splice(0, 1);
        if (source === undefined) return;
        const aborter = new AbortController();
        const cancel = this.after(answerMsMax, () => {
          const late = new Error(`no answer within ${answerMsMax / 1000} s`);
          settle(() => failed(source, late));
          aborter.abort(late);
        });
        /** Settles a source once, and only while it is asked. */
        const settle = (then: () => void): void => {
          if (!asked.delete(source)) return;
          cancel();
          then();
        };
        asked.set(source, (reason) => {
          cancel();
          aborter.abort(reason);
        });
        if (waiting.length > 0) cancelHeadStart = this.after(headStartMs, askNext);
        attempt(ask, source, aborter.signal).then(
          (answer) => settle(() => answered(source, answer)),
          (cause: unknown) => settle(() => failed(source, cause)),
        );
      };
      if (stopped.aborted) return;
      stopped.addEventListener("abort", end);
      if (waiting.length === 0) reject(new NoAnswer([]));
      else askNext();
    });
  }
}

/** Turns an exception into a rejection. */
async function attempt<Source, Answer>(
  ask: (source: Source, signal: AbortSignal) => Promise<Answer>,
  source: Source,
  signal: AbortSignal,
): Promise<Answer> {
  return ask(source, signal);
}
