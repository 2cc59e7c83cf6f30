// Opens and closes the files in the store's threads. While an index that was lost is built, requests are refused except
// those that a reader answers without it; while one is built beside an index of the former schema, all are served that
// the former one answers. If they cannot be opened for a reason that may pass (a full disk,
// a file system that is read-only for a moment), requests are refused with that reason, except those that a reader
// alone can answer, until `ensure` succeeds. Each attempt uses new threads: SQLite closes a file when the statements on
// it are freed, at the end of a thread, and a connection that found a file read-only stays read-only.
//
// Files whose write-ahead log was removed are opened again only when no other process has them open: two processes that
// write different logs of one database destroy it.

import { accessSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { ClaimOutcome, StoreClaim } from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { kindOf } from "../../base/file-kind.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { StoreDamaged, StoreUnavailable } from "../store.ts";
import { refuseForeignLog } from "./backup/foreign-log.ts";
import { readsPathOf } from "./conversations/read-file.ts";
import type { RepairedReads } from "./conversations/read-repair.ts";
import type { Claimed } from "./ownership.ts";
import { Unusable } from "./refusal.ts";
import type { Answer, Request } from "./protocol.ts";
import { undoHalfSwap } from "./backup/restore.ts";
import { IndexBuild } from "./index-build.ts";
import { lackBesideLog, waitForOthers } from "./open-files.ts";
import { StoreFault, type StoreThread } from "./store-thread.ts";

const rebuildPauseMs = 5_000;
const reopenIndex = { kind: "reopenIndex", isReplaced: false } as const;

export interface StoreThreads {
  readonly writer: StoreThread;
  readonly reader: StoreThread;
  readonly compactor: StoreThread;
  /** Writes read cursors; it starts when the first one moves. */
  readonly reads: StoreThread;
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
  private startingReads: Promise<void> | undefined;
  private readonly build: IndexBuild;
  /** The index is being built, and the writer is not open yet. */
  private isIncomplete = false;
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
    this.build = new IndexBuild(threads.compactor, log);
  }

  get areOpen(): boolean {
    return this.reason === undefined;
  }

  /** Why the files are not open; undefined if they are. */
  get lack(): string | undefined {
    return this.reason === undefined || !this.isIncomplete ? this.reason : this.build.describe(this.reason);
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

  /**
   * Opens the files unless they are open; rejects with StoreUnavailable or StoreDamaged. If the index takes long to
   * build, it resolves before the files are open, and rejects from then on until they are.
   */
  ensure(): Promise<void> {
    if (this.reason === undefined) return Promise.resolve();
    if (this.isIncomplete) return Promise.reject(new StoreUnavailable(this.lack ?? ""));
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
    const isAnswering = (role === "reader" || (role === "compactor" && this.isIncomplete)) && thread.isReady;
    if (this.reason !== undefined && !isAnswering) throw new StoreUnavailable(this.lack ?? this.reason);
    if (role === "reads" && !thread.isReady) await this.startReads();
    try {
      const answer = await thread.call(request);
      if (answer.kind === "read") this.tellRepaired(answer.repaired);
      return answer;
    } catch (error) {
      if (!(error instanceof StoreFault) || error.fault !== "building") throw error;
      throw new StoreFault(this.build.describe(error.message), error.fault, { cause: error });
    }
  }

  /** Resolves when the messages that are in no run of the index fit into memory. */
  catchUp(): Promise<void> {
    return this.build.run();
  }

  async close(): Promise<void> {
    this.isClosing = true;
    await this.opening?.catch(() => undefined);
    const { writer, reader, compactor, reads } = this.threads;
    await Promise.all([reader.close(), compactor.close(), reads.close()]);
    await writer.close();
  }

  /** Starts the thread of read cursors, which repairs a damaged file. */
  private startReads(): Promise<void> {
    this.startingReads ??= this.threads.reads
      .start()
      .then((answer) => {
        if (answer.kind === "read") this.tellRepaired(answer.repaired);
      })
      .finally(() => (this.startingReads = undefined));
    return this.startingReads;
  }

  private tellRepaired(repaired: RepairedReads | undefined): void {
    if (repaired === undefined) return;
    const { saved, isWhole, aside } = repaired;
    this.log.error(
      isWhole
        ? "The file of read cursors was damaged; all cursors are in a new one."
        : "The file of read cursors was damaged; a new one has those that could be read, and messages whose cursors " +
            "are lost count as unread again. No message is lost.",
      { saved, damaged: aside },
    );
  }

  private async open(): Promise<void> {
    const { writer, reader, compactor, reads } = this.threads;
    try {
      await Promise.all([writer.end(), compactor.end(), reads.end(), reader.isUnlocked ? undefined : reader.end()]);
      // A thread takes longer to load its code than to open the files, so all load while the files are checked.
      for (const thread of [compactor, writer, reader]) thread.load();
      await this.prepare();
      await compactor.start();
      this.build.isServing = false;
      const index = await this.build.start();
      this.build.isServing = index === "beside";
      // A reader without a lock does not see what is written from now on.
      if (reader.isUnlocked) await reader.end();
      if (index === "missing") {
        await reader.start({ isIndexIncomplete: true });
        this.reason = "the index of the messages is being built";
        this.isIncomplete = true;
      } else {
        await this.openWriter();
        await reader.start();
        this.opened();
        if (index === "complete") this.removeEarlier();
      }
      if (index === "missing") void this.complete();
      if (index === "beside") void this.replaceFormer();
    } catch (error) {
      this.reason = reasonOf(error);
      await Promise.all([writer.end(), compactor.end()]);
      if (!isPermanent(error)) await this.openForReading();
      if (error instanceof StoreUnavailable) throw error;
      throw new StoreFault(this.reason, isPermanent(error) ? "unusable" : "machine", { cause: error });
    }
  }

  private async openWriter(): Promise<void> {
    const opened = await this.threads.writer.start();
    if (opened.kind !== "opened") return;
    if (this.claimed === undefined) this.onClaimed?.(opened.outcome);
    this.claimed = opened;
  }

  private opened(): void {
    this.reason = undefined;
    if (this.wereOpen) this.onReopened?.();
    this.wereOpen = true;
    // Otherwise the thread starts with the first cursor. What keeps it from starting refuses cursors, and nothing else.
    if (existsSync(readsPathOf(this.path))) this.startReads().catch(() => undefined);
  }

  /** Waits for an index that was lost, and opens the writer. */
  private async complete(): Promise<void> {
    const { writer, reader, compactor } = this.threads;
    try {
      await this.build.run();
      if (this.isClosing) return;
      await this.openWriter();
      await reader.call(reopenIndex);
      this.isIncomplete = false;
      this.opened();
      this.removeEarlier();
    } catch (error) {
      this.reason = reasonOf(error);
      this.isIncomplete = false;
      if (!this.isClosing) await Promise.all([writer.end(), compactor.end()]);
    }
  }

  /** Waits for the index that is built beside the former one, and has the threads open it. */
  private async replaceFormer(): Promise<void> {
    const { writer, reader } = this.threads;
    while (this.areOpen && !this.isClosing) {
      try {
        await this.build.run();
        await Promise.all([writer.call(reopenIndex), reader.call(reopenIndex)]);
        this.removeEarlier();
        return;
      } catch (error) {
        if (this.isClosing) return;
        this.log.warn("The new index of the messages could not be built; the former one serves. Retrying.", {
          reason: reasonOf(error),
        });
        await Bun.sleep(rebuildPauseMs);
      }
    }
  }

  /** Another process may have an index of an earlier schema open; the last one to be replaced removes it. */
  private removeEarlier(): void {
    this.threads.compactor.call({ kind: "removeEarlier" }).catch((error: unknown) => {
      this.log.debug("Indexes of earlier releases could not be removed; the next start tries it again.", {
        reason: reasonOf(error),
      });
    });
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
