// The table on disk, for a cluster that is started again after all of it was down: what it shows until the services have
// registered again. A file of lines: what it is and when it was written, then a state each. It is no source of truth: what
// nobody confirms within a lease is forgotten.

import { open, readFile, rename } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { fieldsOf, jsonOf, MalformedJson, wholeOf } from "./json-fields.ts";
import { parseState, stateJson } from "./state-json.ts";
import type { Table } from "./table.ts";
import type { Cancel, Timers } from "./timers.ts";

const format = "roost registry snapshot 1";
/** Between two looks at whether there is something to write. */
const intervalMs = 10_000;
/** States in one write, so that a large table stops nobody for long. */
const statesPerWrite = 500;

/** The file is there, and is no snapshot. It is left alone; the message says what to do. */
export class NotASnapshot extends Error {
  override readonly name = "NotASnapshot";
}

/**
 * Reads a snapshot into a table, if there is one. Resolves with the number of living instances that there is to show.
 * Rejects with NotASnapshot, or as reading fails.
 */
export async function readSnapshot(path: string, table: Table, clock: Clock, log: Log): Promise<number> {
  const [head = "", ...lines] = (await textOf(path)).split("\n");
  if (head === "" && lines.length === 0) return 0;
  const passedMs = Math.max(0, clock.wallMs() - writtenAt(path, head));
  const liveBefore = table.live;
  let refused = 0;
  for (const line of lines) {
    if (line === "") continue;
    try {
      const state = parseState(jsonOf(line));
      table.restore({ ...state, ageMs: state.ageMs + passedMs });
    } catch (error) {
      if (!(error instanceof MalformedJson)) throw error;
      refused++;
    }
  }
  if (refused > 0) log.warn("a snapshot holds lines that cannot be read; they are left out", { path, lines: refused });
  return table.live - liveBefore;
}

/** Writes a table to a file whenever it has changed. */
export class SnapshotWriter {
  private readonly path: string;
  private readonly table: Table;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly log: Log;
  /** The digest of what is on disk. */
  private written = "";
  private running: Promise<void> = Promise.resolve();
  private cancel: Cancel | undefined;
  private isFailing = false;

  constructor(parts: { path: string; table: Table; clock: Clock; timers: Timers; log: Log }) {
    this.path = parts.path;
    this.table = parts.table;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.log = parts.log;
  }

  start(): void {
    this.cancel = this.timers.after(intervalMs, () => {
      this.running = this.writeIfChanged().finally(() => this.start());
    });
  }

  /** Writes a last time. */
  async stop(): Promise<void> {
    this.cancel?.();
    await this.running;
    this.cancel?.();
    await this.writeIfChanged();
  }

  private async writeIfChanged(): Promise<void> {
    const digest = this.table.digest.text();
    if (digest === this.written) return;
    try {
      await this.write();
      this.written = digest;
      this.isFailing = false;
    } catch (error) {
      // The registry works without: an operator is told once, and it is tried again.
      if (!this.isFailing) this.log.warn("cannot write the snapshot", { path: this.path, error: String(error) });
      this.isFailing = true;
    }
  }

  /** The file appears whole or not at all. */
  private async write(): Promise<void> {
    const draft = `${this.path}.new`;
    const file = await open(draft, "w", 0o600);
    try {
      await file.write(`${JSON.stringify({ format, at: this.clock.wallMs() })}\n`);
      let lines: string[] = [];
      for (const entry of this.table.all()) {
        lines.push(`${JSON.stringify(stateJson(entry.state(this.clock.monotonicMs())))}\n`);
        if (lines.length < statesPerWrite) continue;
        await file.write(lines.join(""));
        lines = [];
      }
      await file.write(lines.join(""));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path);
  }
}

/** The file's text; '' when there is none. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

function writtenAt(path: string, head: string): number {
  try {
    const fields = fieldsOf(jsonOf(head), "the first line");
    if (fields["format"] === format) return wholeOf(fields["at"], "at");
  } catch (error) {
    if (!(error instanceof MalformedJson)) throw error;
  }
  throw new NotASnapshot(`${path} is not a registry snapshot; name another file, or move this one away`);
}
