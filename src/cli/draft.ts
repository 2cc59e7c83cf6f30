// A file that appears under its name complete and synced, or not at all. It is written under a temporary name, readable
// by its owner only, and removed after a failure or a signal.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Returns a unique name that begins with `stem`. */
export function draftName(stem: string): string {
  return `${stem}-${randomBytes(6).toString("hex")}`;
}

/** Returns the folder for temporary files: $TMPDIR, or `other`. */
export function passingFolder(other: string): string {
  const given = process.env["TMPDIR"] ?? "";
  return given === "" ? other : given;
}

export class Draft {
  readonly path: string;
  private readonly atEnd: (() => void)[] = [];
  private readonly ended = (signal: NodeJS.Signals): void => {
    this.discard();
    process.exit(128 + constants.signals[signal]);
  };

  /** Handles signals from now on; does not create the file. */
  constructor(path: string) {
    this.path = path;
    for (const signal of signals) process.on(signal, this.ended);
  }

  /** `work` is called when the draft is discarded, before the file is removed. */
  onDiscard(work: () => void): void {
    this.atEnd.push(work);
  }

  /** Creates the file, empty and readable by its owner only. Throws StartError. */
  make(): void {
    try {
      closeSync(openSync(this.path, "wx", 0o600));
    } catch (error) {
      throw new StartError(`cannot write to the folder ${dirname(this.path)}: ${sentenceOf(error)}`);
    }
  }

  /** Gives a written and synced draft its name; `replace` allows to replace an existing file. Throws StartError. */
  publish(path: string, replace: boolean): void {
    const folder = this.openFolder(path);
    try {
      this.rename(path, replace);
      try {
        fsyncSync(folder);
      } catch (error) {
        throw new StartError(`${path} is complete, but its folder cannot be synced to the disk: ${sentenceOf(error)}`);
      }
    } finally {
      closeSync(folder);
    }
  }

  private openFolder(path: string): number {
    try {
      return openSync(dirname(path), "r");
    } catch (error) {
      throw new StartError(`cannot open the folder ${dirname(path)}: ${sentenceOf(error)}; name another`);
    }
  }

  private rename(path: string, replace: boolean): void {
    if (replace) renameSync(this.path, path);
    else {
      try {
        // Unlike rename(2), link(2) replaces nothing.
        linkSync(this.path, path);
      } catch (error) {
        if (codeOf(error) === "EEXIST") throw new StartError(existsSentence(path));
        // The file system has no hard links.
        renameSync(this.path, path);
      }
    }
  }

  /** Removes the draft if it still exists, and no longer handles signals. */
  discard(): void {
    for (const signal of signals) process.off(signal, this.ended);
    for (const work of this.atEnd) work();
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(this.path + end, { force: true });
  }
}

export function existsSentence(path: string): string {
  return `${path} already exists; choose another name, or replace it with --replace`;
}
