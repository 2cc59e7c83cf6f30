// Notices that files changed while the process serves: written, renamed over, removed, or reached by another symbolic
// link. It looks twice a second. A change counts when two looks in a row have seen the same: a file that is being
// written, or one of several that are replaced one after the other, is not read in between.

import { type BigIntStats, statSync } from "node:fs";
import { reasonOf } from "./reason-of.ts";
import { type Cancel, every, type Timers } from "./timers.ts";

/** Between two looks, in milliseconds: a change is noticed within a second. */
const lookMs = 500;

interface WatchParts {
  readonly timers: Timers;
  /** The files to look at, asked for at each look: few, on a local file system. */
  readonly paths: () => readonly string[];
  /** Called after a change, and once after the start: the files may have changed since they were read. */
  readonly changed: () => void;
}

/** Watches some files until `stop`. */
export class FileWatch {
  private readonly parts: WatchParts;
  private readonly cancel: Cancel;
  /** What the files were when they were read last; undefined before the first time. */
  private read: string | undefined;
  /** What they were at the last look. */
  private looked = "";

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.cancel = every(parts.timers, lookMs, () => this.look());
  }

  /** The files are read now for another reason: what they are at present is no change. */
  skip(): void {
    this.read = this.looked = this.state();
  }

  stop(): void {
    this.cancel();
  }

  private look(): void {
    const state = this.state();
    const isSettled = state === this.looked;
    this.looked = state;
    if (state === this.read || !isSettled) return;
    const isFirst = this.read === undefined;
    this.read = state;
    // A pipe has been emptied by whoever read it.
    if (isFirst && state.includes(pipe)) return;
    this.parts.changed();
  }

  private state(): string {
    return this.parts.paths().map(stateOf).join("\n");
  }
}

const pipe = "a pipe";

function stateOf(path: string): string {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (error) {
    return `${path} ${reasonOf(error)}`;
  }
  if (stats.isFIFO()) return pipe;
  return [path, stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(" ");
}
