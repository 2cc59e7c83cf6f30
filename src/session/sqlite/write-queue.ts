// Group commit for steps: the steps of one turn share a transaction, up to a bound. Waits for a lock of another process
// without blocking the event loop.

import { SQLiteError, type Database } from "bun:sqlite";
import { writeLockHolder } from "../../base/lock-holder.ts";
import { SessionsUnavailable } from "../sessions.ts";

/** The bound on a transaction: a few milliseconds. The next turn commits the rest. */
const stepsMax = 100;
const retryMs = 1;
/** Steps that wait longer for the lock are refused. */
const lockWaitMsMax = 1_500;

interface Step {
  run(): void;
  readonly commit: () => void;
  readonly reject: (error: unknown) => void;
}

export class WriteQueue {
  private readonly db: Database;
  private readonly failed: (error: unknown) => void;
  private steps: Step[] = [];
  private waitingSinceMs: number | undefined;
  private isClosed = false;

  /** `failed` receives the error of every transaction that fails. */
  constructor(db: Database, failed: (error: unknown) => void) {
    this.db = db;
    this.failed = failed;
  }

  /** Resolves with the step's result after the commit. Rejects with SessionsUnavailable. */
  add<Result>(step: () => Result): Promise<Result> {
    if (this.isClosed) return Promise.reject(new SessionsUnavailable("the session store is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const results: Result[] = [];
    this.steps.push({
      run: () => void results.push(step()),
      commit: () => {
        for (const result of results) resolve(result);
      },
      reject,
    });
    if (this.steps.length === 1) queueMicrotask(this.write);
    return promise;
  }

  /** Refuses steps that are not committed. */
  close(): void {
    this.isClosed = true;
    this.refuse(this.takeAll(), new SessionsUnavailable("the session store is closed"));
  }

  private readonly write = (): void => {
    if (this.steps.length === 0) return;
    this.waitingSinceMs ??= performance.now();
    try {
      this.db.run("BEGIN IMMEDIATE");
    } catch (error) {
      const isBusy = error instanceof SQLiteError && (error.code ?? "").startsWith("SQLITE_BUSY");
      if (isBusy && performance.now() - this.waitingSinceMs < lockWaitMsMax) setTimeout(this.write, retryMs);
      else {
        const holder = isBusy ? writeLockHolder(this.db.filename) : undefined;
        if (isBusy && holder !== undefined) error.message += `: ${holder}`;
        this.fail(this.takeAll(), error);
      }
      return;
    }
    const steps = this.steps.splice(0, stepsMax);
    this.waitingSinceMs = undefined;
    try {
      for (const step of steps) step.run();
      this.db.run("COMMIT");
    } catch (error) {
      if (this.db.inTransaction) this.db.run("ROLLBACK");
      this.fail([...steps, ...this.takeAll()], error);
      return;
    }
    for (const step of steps) step.commit();
    if (this.steps.length > 0) setImmediate(this.write);
  };

  private takeAll(): readonly Step[] {
    const { steps } = this;
    this.steps = [];
    this.waitingSinceMs = undefined;
    return steps;
  }

  private fail(steps: readonly Step[], error: unknown): void {
    // Errors other than the file's or the machine's are bugs, and stay unchanged.
    const isFault = error instanceof SQLiteError;
    this.refuse(steps, isFault ? new SessionsUnavailable("the session store failed", { cause: error }) : error);
    this.failed(error);
  }

  private refuse(steps: readonly Step[], error: unknown): void {
    for (const step of steps) step.reject(error);
  }
}
