// A file that appears under its name whole and synced, or not at all. It is written under a temporary name beside it,
// readable by its owner only; a failure and a signal remove it.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A name that nobody else has. */
export function draftName(stem: string): string {
  return `${stem}-${randomBytes(6).toString("hex")}`;
}

/** The folder for a file that is only passed on: $TMPDIR, or `other`. */
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

  /** Nothing is made yet. */
  constructor(path: string) {
    this.path = path;
    for (const signal of signals) process.on(signal, this.ended);
  }

  /** `work` is called when the draft is discarded, before the file is removed. */
  onDiscard(work: () => void): void {
    this.atEnd.push(work);
  }

  /** Makes it as an empty file of its owner. Throws StartError. */
  make(): void {
    try {
      closeSync(openSync(this.path, "wx", 0o600));
    } catch (error) {
      throw new StartError(`cannot write in ${dirname(this.path)}: ${error instanceof Error ? error.message : ""}`);
    }
  }

  /** Gives a written and synced draft its name. `replace`: instead of a file that has it. Throws StartError. */
  publish(path: string, replace: boolean): void {
    const folder = this.openFolder(path);
    try {
      this.rename(path, replace);
      try {
        fsyncSync(folder);
      } catch (error) {
        throw new StartError(`${path} is whole, but its folder cannot be synced to the disk: ${sentenceOf(error)}`);
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
        // Unlike a rename it replaces nothing.
        linkSync(this.path, path);
      } catch (error) {
        if (codeOf(error) === "EEXIST") throw new StartError(existsSentence(path));
        // A file system without hard links.
        renameSync(this.path, path);
      }
    }
  }

  /** Removes what is left of it. */
  discard(): void {
    for (const signal of signals) process.off(signal, this.ended);
    for (const work of this.atEnd) work();
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(this.path + end, { force: true });
  }
}

export function existsSentence(path: string): string {
  return `${path} exists already; choose another name, or replace it with --replace`;
}
