// The main thread's end of a store thread: requests are sent in order, and answers arrive in order and settle their
// promises. When a thread dies, pending requests are rejected, and it is restarted with back-off.

import { type StoreClaim, claimOfOwner } from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { startThread } from "../../base/start-thread.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { StoreDamaged, StoreUnavailable } from "../store.ts";
import { logDamageSentence } from "./damage.ts";
import type { Answer, Request } from "./protocol.ts";
import type { Fault } from "./refusal.ts";

export type OpenRequest = Extract<Request, { kind: "open" }>;

export class StoreFault extends StoreUnavailable {
  readonly fault: Fault;

  constructor(sentence: string, fault: Fault, options?: ErrorOptions) {
    super(sentence, options);
    this.fault = fault;
  }
}

/** See the request `open`. */
type ReaderOptions = Pick<OpenRequest, "unlocked" | "isIndexIncomplete">;

const restartMsMin = 100;
const restartMsMax = 5_000;

interface Waiter {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

function spawnThread(): Worker {
  return startThread("store/sqlite/store-worker.ts", new URL("./store-worker.ts", import.meta.url));
}

export class StoreThread {
  private opening: OpenRequest;
  private readonly log: Log;
  private readonly indexDamaged: (isReplaced: boolean) => void;
  private readonly spawn: () => Worker;
  /** Pending requests, oldest first: the worker answers in order. */
  private waiters: Waiter[] = [];
  private worker: Worker | undefined;
  /** Whether the thread runs and has opened the file. */
  private isOpen = false;
  private isClosed = false;
  private isOpenUnlocked = false;
  /** Why the thread died without a pending request; the next `start` rejects with it. */
  private unreported: string | undefined;
  private restartMs = restartMsMin;
  private restartTimer: ReturnType<typeof setTimeout> | undefined;

  /** `indexDamaged` is called when the thread finds the index damaged, or the log replaced. */
  constructor(
    opening: OpenRequest,
    log: Log,
    indexDamaged: (isReplaced: boolean) => void,
    spawn: () => Worker = spawnThread,
  ) {
    this.opening = opening;
    this.log = log;
    this.indexDamaged = indexDamaged;
    this.spawn = spawn;
  }

  /** Starts the thread, unless it runs; it loads its code and waits for `start`. */
  load(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = this.spawn();
    this.worker = worker;
    worker.onmessage = (event: MessageEvent<Answer>) => {
      if (this.worker === worker) this.receive(event.data);
    };
    worker.onerror = (event) => {
      this.die(worker, event.message);
      // A failed thread must not keep the files open beside its successor.
      worker.terminate();
    };
    worker.addEventListener("close", () => this.die(worker, "it ended"));
    return worker;
  }

  /** Whether the thread has opened the files and answers. */
  get isReady(): boolean {
    return this.isOpen;
  }

  /** Whether the thread reads without a lock. */
  get isUnlocked(): boolean {
    return this.isOpen && this.isOpenUnlocked;
  }

  /**
   * Opens the files in the thread and returns its answer; rejects with StoreUnavailable, also if the thread has died in
   * the meantime. Later openings do not adopt the store again.
   */
  async start({ unlocked = false, isIndexIncomplete = false }: ReaderOptions = {}): Promise<Answer> {
    const { unreported } = this;
    this.unreported = undefined;
    if (unreported !== undefined) throw new StoreUnavailable(unreported);
    this.isClosed = false;
    this.isOpenUnlocked = unlocked;
    const answer = await this.send(this.load(), { ...this.opening, unlocked, isIndexIncomplete });
    this.isOpen = true;
    this.restartMs = restartMsMin;
    this.opening = { ...this.opening, claim: claimOfOwner(this.opening.claim.fingerprints) };
    return answer;
  }

  /** Rejects with StoreUnavailable if the thread is not running, or if the machine or the file failed. */
  call(request: Request): Promise<Answer> {
    const worker = this.worker;
    if (worker === undefined || !this.isOpen) {
      return Promise.reject(new StoreUnavailable(`the store's ${this.opening.role} is not running`));
    }
    return this.send(worker, request);
  }

  /** The claim by which the thread opens the files. */
  get claim(): StoreClaim {
    return this.opening.claim;
  }

  /** Changes the claim; the thread receives it after its pending requests. */
  claimAs({ fingerprints, adopt }: StoreClaim): void {
    this.opening = { ...this.opening, claim: { fingerprints, adopt } };
    // A thread that has not been started yet gets this claim when it opens the files.
    if (this.worker !== undefined && (this.isOpen || this.waiters.length > 0))
      this.send(this.worker, { kind: "claim", fingerprints }).catch(() => undefined);
  }

  /** Ends the thread after its pending requests; it releases its lease and empties the write-ahead log. */
  close(): Promise<void> {
    return this.stop("close");
  }

  /** Ends the thread after its pending requests, so that `start` can open the files again. */
  end(): Promise<void> {
    return this.stop("leave");
  }

  private async stop(kind: "close" | "leave"): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.restartTimer);
    const worker = this.worker;
    if (worker === undefined) return;
    const wasOpen = this.isOpen;
    this.isOpen = false;
    // SQLite closes the file when the thread's statements are freed, at the thread's end. It may end by itself.
    const ended = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve(), { once: true }));
    try {
      if (wasOpen) await this.send(worker, { kind });
    } catch (error) {
      this.log.warn("The store did not close cleanly; nothing acknowledged is lost.", {
        role: this.opening.role,
        reason: reasonOf(error),
      });
    }
    this.worker = undefined;
    // Nothing else settles what a thread was asked that has not opened the files.
    this.rejectAll(`the store's ${this.opening.role} was ended before it opened its files`);
    worker.terminate();
    await ended;
  }

  private send(worker: Worker, request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      worker.postMessage(JSON.stringify(request));
    });
  }

  private receive(answer: Answer): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) throw new Error("the store's thread answers only what it was asked");
    if (answer.kind === "failed") {
      waiter.reject(this.errorOf(answer.fault, answer.sentence));
      const isReplaced = answer.fault === "replaced";
      if ((isReplaced || answer.fault === "index") && this.isOpen) this.indexDamaged(isReplaced);
    } else if (answer.kind === "bug") {
      waiter.reject(new StoreUnavailable("the store met a bug"));
      this.rejectAll("the store met a bug");
      // Thrown outside of any promise, so that the process ends.
      setTimeout(() => {
        throw new Error(`a bug in the store's ${this.opening.role}: ${answer.stack}`);
      }, 0);
    } else {
      waiter.resolve(answer);
    }
  }

  private errorOf(fault: Fault, sentence: string): StoreUnavailable {
    return fault === "log"
      ? new StoreDamaged(logDamageSentence(this.opening.path, sentence))
      : new StoreFault(sentence, fault);
  }

  private rejectAll(sentence: string): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter.reject(new StoreUnavailable(sentence));
  }

  private die(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    const wasOpen = this.isOpen;
    this.worker = undefined;
    this.isOpen = false;
    const sentence = `the store's ${this.opening.role} died: ${reason}`;
    // A thread that never opened the files reports to its starter, who may call `start` later.
    if (!wasOpen && this.waiters.length === 0) this.unreported = sentence;
    this.rejectAll(sentence);
    if (this.isClosed || !wasOpen) return;
    this.log.error("A store thread died; restarting it.", {
      role: this.opening.role,
      reason,
    });
    this.restartLater();
  }

  private restartLater(): void {
    this.restartTimer = setTimeout(() => {
      this.start().catch((error: unknown) => {
        const broken = this.worker;
        this.worker = undefined;
        broken?.terminate();
        if (this.isClosed) return;
        this.log.error("Starting a store thread failed; retrying.", {
          role: this.opening.role,
          reason: reasonOf(error),
        });
        this.restartLater();
      });
    }, this.restartMs);
    this.restartMs = Math.min(this.restartMs * 2, restartMsMax);
  }
}
