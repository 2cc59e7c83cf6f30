// Opens and closes the files in the store's threads. If they cannot be opened for a reason that may pass (a full disk,
// a file system that is read-only for a moment), requests are refused with that reason, except those that a reader
// alone can answer, until `ensure` succeeds. Each attempt uses new threads: SQLite closes a file when the statements on
// it are freed, at the end of a thread, and a connection that found a file read-only stays read-only.
//
// Files whose write-ahead log was removed are opened again only when no other process has them open: two processes that
// write different logs of one database destroy it.

import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { ClaimOutcome, StoreClaim } from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { kindOf } from "../../base/file-kind.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { StoreDamaged, StoreUnavailable } from "../store.ts";
import { refuseForeignLog } from "./backup/foreign-log.ts";
import type { Claimed } from "./ownership.ts";
import { Unusable } from "./refusal.ts";
import type { Answer, Request } from "./protocol.ts";
import { undoHalfSwap } from "./backup/restore.ts";
import { lackBesideLog, waitForOthers } from "./shared-files.ts";
import { StoreFault, type StoreThread } from "./store-thread.ts";

const catchUpPauseMs = 2;

export interface StoreThreads {
  readonly writer: StoreThread;
  readonly reader: StoreThread;
  readonly compactor: StoreThread;
}

export class StoreFiles {
  readonly threads: StoreThreads;
  private readonly path: string;
  private readonly log: Log;
  private readonly takeLock: () => void;
  /** Receives the outcome of the first claim. */
  onClaimed: ((outcome: ClaimOutcome) => void) | undefined;
  claimed: Claimed | undefined;
  /** Why the files are not open; undefined if they are. */
  private reason: string | undefined = "it is not open yet";
  private opening: Promise<void> | undefined;
  private isClosing = false;
  private wereOpen = false;
  /** Called when the files are open again; they may hold another store. */
  onReopened: (() => void) | undefined;

  /** `takeLock`: see SqliteStoreOptions. */
  constructor(threads: StoreThreads, path: string, log: Log, takeLock: () => void = () => undefined) {
    this.takeLock = takeLock;
    this.threads = threads;
    this.path = path;
    this.log = log;
  }

  get areOpen(): boolean {
    return this.reason === undefined;
  }

  /** The claim by which the files are opened. */
  get claim(): StoreClaim {
    return this.threads.writer.claim;
  }

  /** Changes the claim, also for open files. */
  claimAs(claim: StoreClaim): void {
    this.threads.writer.claimAs(claim);
    this.threads.reader.claimAs(claim);
  }

  /** Opens the files unless they are open; rejects with StoreUnavailable or StoreDamaged. */
  ensure(): Promise<void> {
    if (this.reason === undefined) return Promise.resolve();
    if (this.isClosing) return Promise.reject(new StoreUnavailable("the store is closed"));
    this.opening ??= this.open().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  /** Marks the connections as unusable, for example because files were removed; `ensure` opens others. */
  lost(reason: string): void {
    this.reason ??= reason;
  }

  /** Sends a request to a thread, after an opening in progress. Rejects with StoreUnavailable. */
  async ask(role: keyof StoreThreads, request: Request): Promise<Answer> {
    const { opening } = this;
    if (opening !== undefined) {
      try {
        await opening;
      } catch (error) {
        // The reader may be able to read files that could not be opened for writing.
        if (role !== "reader" || !(error instanceof StoreUnavailable)) throw error;
      }
    }
    const thread = this.threads[role];
    if (this.reason !== undefined && !(role === "reader" && thread.isReady)) throw new StoreUnavailable(this.reason);
    return thread.call(request);
  }

  /** Resolves when the messages that are in no run of the index fit into memory. */
  async catchUp(): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const answer = await this.threads.compactor.call({ kind: "catchUp" });
      if (answer.kind !== "more" || !answer.more) return;
      if (isFirst)
        this.log.info("The index of the messages is completed from the log first; that takes some seconds a million.");
      await Bun.sleep(catchUpPauseMs);
    }
  }

  async close(): Promise<void> {
    this.isClosing = true;
    await this.opening?.catch(() => undefined);
    const { writer, reader, compactor } = this.threads;
    await Promise.all([reader.close(), compactor.close()]);
    await writer.close();
  }

  private async open(): Promise<void> {
    const { writer, reader, compactor } = this.threads;
    try {
      await Promise.all([writer.end(), compactor.end(), reader.isUnlocked ? undefined : reader.end()]);
      // A thread takes longer to load its code than to open the files, so all load while the files are checked.
      for (const thread of [compactor, writer, reader]) thread.load();
      await this.prepare();
      await compactor.start();
      await this.catchUp();
      const opened = await writer.start();
      if (opened.kind === "opened") {
        if (this.claimed === undefined) this.onClaimed?.(opened.outcome);
        this.claimed = opened;
      }
      // A reader without a lock does not see what is written from now on.
      if (reader.isUnlocked) await reader.end();
      await reader.start();
      this.reason = undefined;
      if (this.wereOpen) this.onReopened?.();
      this.wereOpen = true;
    } catch (error) {
      this.reason = reasonOf(error);
      await Promise.all([writer.end(), compactor.end()]);
      if (!isPermanent(error)) await this.openForReading();
      if (error instanceof StoreUnavailable) throw error;
      throw new StoreFault(this.reason, isPermanent(error) ? "unusable" : "machine", { cause: error });
    }
  }

  /** Throws errors of the system, or Unusable. */
  private async prepare(): Promise<void> {
    this.takeLock();
    const folder = dirname(this.path);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new Unusable(`there is no folder ${folder}; make it, or name another file`);
    const status = statSync(this.path, { throwIfNoEntry: false });
    if (status !== undefined) {
      if (!status.isFile()) throw new Unusable(`${this.path} is a ${kindOf(status)}; name a file`);
      refuseUnreadable(this.path);
      undoHalfSwap(this.path);
    }
    const lack = lackBesideLog(this.path);
    if (lack !== undefined) {
      throw new Unusable(
        `${this.path} is ${lack}, but ${this.path}-wal belongs to it and is not; ` +
          "put the file back, or remove the other if its messages are not needed",
      );
    }
    // SQLite gives its -wal and -shm files the database's mode. Closing an open file would release its locks.
    if (status === undefined) closeSync(openSync(this.path, "a", 0o600));
    refuseForeignLog(this.path);
    if ((status?.size ?? 0) > 0) await waitForOthers(this.path);
  }

  /** Opens the files for reading, which needs no disk space. */
  private async openForReading(): Promise<void> {
    const { reader } = this.threads;
    if (reader.isReady || this.isClosing) return;
    try {
      await reader.end();
      await reader.start({ unlocked: true });
    } catch (error) {
      this.log.debug("The message store cannot be opened for reading either; retrying.", {
        reason: reasonOf(error),
      });
      await reader.end();
    }
  }
}

/** Throws Unusable for a file that another user owns: that does not change by itself. */
function refuseUnreadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EACCES")) throw error;
    const user = process.geteuid?.() ?? "?";
    throw new Unusable(`${path} cannot be read by the user ${user} that this process runs as; change its owner`, {
      cause: error,
    });
  }
}

/** Reports whether this error ends a start: it does not pass by itself. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof StoreDamaged) return true;
  if (error instanceof StoreFault) return error.fault !== "machine";
  if (error instanceof Unusable) return true;
  // A missing folder is a wrong path.
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
