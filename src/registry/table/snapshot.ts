// The table on disk: what a cluster shows after all of it was down, until services register again. A text file: a
// header with the format and time, then one state per line. It is no source of truth: states that nobody confirms
// within a lease are forgotten.

import { closeSync, existsSync, fsync, readSync, rmSync, writeFile } from "node:fs";
import { rename } from "node:fs/promises";
import { promisify } from "node:util";
import type { Clock } from "../../base/clock.ts";
import { createDraft } from "../../base/draft-file.ts";
import { changerOf } from "../../base/file-trust.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import type { Log } from "../../base/log.ts";
import { openReadable, UnreadableFile } from "../../base/small-file.ts";
import { fieldsOf, jsonOf, MalformedJson, wholeOf } from "../../base/json-fields.ts";
import { parseState, stateJson } from "./state-json.ts";
import type { Table } from "./table.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

const format = "roost registry snapshot 1";
/** The interval of checks for changes. */
const intervalMs = 10_000;
/** States per write, so that a large table does not block others. */
const statesPerWrite = 500;
/** The longest line; whatever follows a longer one is ignored. */
const lineBytesMax = 512 * 1024;
const chunkBytes = 256 * 1024;

const [write, sync] = [promisify(writeFile), promisify(fsync)];

/** The path holds something other than a snapshot, which is left alone. The message tells the operator what to do. */
export class NotASnapshot extends Error {
  override readonly name = "NotASnapshot";
}

/**
 * Reads a snapshot into a table, if one exists. A file that other users can change is ignored with a warning. Resolves
 * with the number of live instances read. Rejects with NotASnapshot, or with a read error.
 */
export async function readSnapshot(
  path: string,
  table: Table,
  clock: Clock,
  limits: LimitValues,
  log: Log,
): Promise<number> {
  if (!existsSync(path)) return 0;
  const { file, stats } = opened(path);
  try {
    const changer = changerOf(stats);
    if (changer !== undefined) {
      log.warn("the snapshot is not read: others can change it", { path, changer });
      return 0;
    }
    // States beyond the table's limits are ignored.
    const linesMax = 1 + limits.instances + limits.instancesReserved + limits.tombstones;
    return restore(linesOf(file, linesMax), path, table, clock, log);
  } finally {
    closeSync(file);
  }
}

function opened(path: string): ReturnType<typeof openReadable> {
  try {
    return openReadable(path, "a file");
  } catch (error) {
    if (error instanceof UnreadableFile) throw new NotASnapshot(`--snapshot: ${error.message}`);
    throw error;
  }
}

function restore(lines: Generator<string>, path: string, table: Table, clock: Clock, log: Log): number {
  const head = lines.next();
  if (head.done === true) return 0;
  const passedMs = Math.max(0, clock.wallMs() - writtenAt(path, head.value));
  const liveBefore = table.live;
  let refused = 0;
  for (const line of lines) {
    if (line === "") continue;
    try {
      const state = parseState(jsonOf(line, "a state"));
      table.restore({ ...state, ageMs: state.ageMs + passedMs });
    } catch (error) {
      if (!(error instanceof MalformedJson)) throw error;
      refused++;
    }
  }
  if (refused > 0) log.warn("the snapshot contains malformed lines, which are ignored", { path, lines: refused });
  return table.live - liveBefore;
}

/**
 * Yields a file's lines, holding one chunk and one line in memory. A line that is too long is cut, and is the last one.
 */
function* linesOf(file: number, linesMax: number): Generator<string> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let rest = Buffer.alloc(0);
  for (let lines = 0; lines < linesMax;) {
    const count = readSync(file, chunk, 0, chunkBytes, null);
    rest = Buffer.concat([rest, chunk.subarray(0, count)]);
    let start = 0;
    for (let end = rest.indexOf(10); end >= 0 && lines < linesMax; end = rest.indexOf(10, start)) {
      yield rest.toString("utf8", start, end);
      lines++;
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (count > 0 && rest.length <= lineBytesMax) continue;
    if (rest.length > 0) yield rest.toString("utf8", 0, lineBytesMax);
    return;
  }
}

/** Writes a table to a file whenever it has changed. */
export class SnapshotWriter {
  private readonly parts: { path: string; table: Table; clock: Clock; timers: Timers; log: Log };
  /** The digest of the table on disk. */
  private written = "";
  private running: Promise<void> = Promise.resolve();
  private cancel: Cancel | undefined;
  private isFailing = false;

  constructor(parts: SnapshotWriter["parts"]) {
    this.parts = parts;
  }

  start(): void {
    this.cancel = this.parts.timers.after(intervalMs, () => {
      this.running = this.writeIfChanged().finally(() => this.start());
    });
  }

  /** Writes the table for the last time. */
  async stop(): Promise<void> {
    this.cancel?.();
    await this.running;
    this.cancel?.();
    await this.writeIfChanged();
  }

  private async writeIfChanged(): Promise<void> {
    const digest = this.parts.table.digest.text();
    if (digest === this.written) return;
    try {
      await this.write();
      this.written = digest;
      this.isFailing = false;
    } catch (error) {
      // The registry works without a snapshot: warn once, and keep trying.
      if (!this.isFailing)
        this.parts.log.warn("cannot write the snapshot", { path: this.parts.path, error: String(error) });
      this.isFailing = true;
    }
  }

  /** The file appears whole or not at all. */
  private async write(): Promise<void> {
    const draft = createDraft(this.parts.path);
    try {
      await this.writeTo(draft.file);
      await rename(draft.path, this.parts.path);
    } catch (error) {
      rmSync(draft.path, { force: true });
      throw error;
    } finally {
      closeSync(draft.file);
    }
  }

  private async writeTo(file: number): Promise<void> {
    await write(file, `${JSON.stringify({ format, at: this.parts.clock.wallMs() })}\n`);
    let lines: string[] = [];
    for (const entry of this.parts.table.all()) {
      lines.push(`${JSON.stringify(stateJson(entry.state(this.parts.clock.monotonicMs())))}\n`);
      if (lines.length < statesPerWrite) continue;
      await write(file, lines.join(""));
      lines = [];
    }
    await write(file, lines.join(""));
    await sync(file);
  }
}

function writtenAt(path: string, head: string): number {
  try {
    const fields = fieldsOf(jsonOf(head, "the first line"), "the first line");
    if (fields["format"] === format) return wholeOf(fields["at"], "at");
  } catch (error) {
    if (!(error instanceof MalformedJson)) throw error;
  }
  throw new NotASnapshot(`${path} is not a registry snapshot; name another file, or move this one away`);
}
