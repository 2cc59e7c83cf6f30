// roost export: writes records as JSON lines. A file that is there already is gone on with, behind its last whole line.

import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { apiMethods } from "../api/description/methods.ts";
import { escaped, quotedText } from "../base/printable.ts";
import { callMethod } from "./api/call.ts";
import { placeOf } from "./api/place.ts";
import { printLines, say } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** The end of a file in which its last line is looked for: no record is longer. */
const lineBytesMax = 4 * 1024 * 1024;
const newline = 0x0a;
/** Lines are written together. */
const writtenBytes = 64 * 1024;

/** Throws StartError, UsageError. */
export async function exportRecords(values: OptionValues): Promise<void> {
  const [path = "-"] = values.operands;
  const method = apiMethods.get("Messages/Export");
  if (method === undefined) throw new Error("the API has the method Messages/Export");
  const request = requestOf(values);
  if (path === "-") {
    await callMethod(placeOf(values), method, JSON.stringify(request), (json) => printLines([escaped(lineOf(json))]));
    return;
  }
  const file = new LineFile(path);
  const progress = new Progress();
  let records = 0;
  try {
    const cursor = file.lastCursor();
    if (cursor !== undefined) say(`${path} is gone on with`);
    await callMethod(placeOf(values), method, JSON.stringify({ ...request, cursor }), (json) => {
      file.add(lineOf(json));
      progress.show(`${(++records).toLocaleString("en-US")} records`);
      return Promise.resolve();
    });
  } finally {
    progress.clear();
    file.close();
  }
  await printLines([`${records.toLocaleString("en-US")} records written to ${path}.`]);
}

function requestOf(values: OptionValues) {
  const [account, peer, group] = [values.optional("account"), values.optional("peer"), values.optional("group")];
  if (group !== undefined && account !== undefined)
    throw new UsageError("--group and --account are both given; keep one");
  if (peer !== undefined && account === undefined) throw new UsageError("--peer needs --account");
  return { account, peer, group, app: values.isGiven("app") ? values.required("app") : undefined };
}

/** On one line, whatever the server wrote. */
function lineOf(json: string): string {
  return JSON.stringify(JSON.parse(json));
}

/** A file of lines that grows at its end. */
class LineFile {
  private readonly path: string;
  private readonly file: number;
  private held: string[] = [];
  private heldLength = 0;

  constructor(path: string) {
    this.path = path;
    try {
      this.file = openSync(path, existsSync(path) ? "r+" : "wx+", 0o600);
    } catch (error) {
      throw new StartError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The cursor in the last whole line; cuts what is behind it. Undefined for an empty file. */
  lastCursor(): string | undefined {
    const { size } = fstatSync(this.file);
    const start = Math.max(0, size - lineBytesMax);
    const end = Buffer.alloc(size - start);
    readSync(this.file, end, 0, end.length, start);
    const lineEnd = end.lastIndexOf(newline);
    const kept = start + lineEnd + 1;
    if (lineEnd < 0 && start > 0) throw this.notExport();
    if (kept < size) ftruncateSync(this.file, kept);
    if (lineEnd < 0) return undefined;
    const line = end.subarray(end.lastIndexOf(newline, lineEnd - 1) + 1, lineEnd);
    try {
      const record: unknown = JSON.parse(line.toString());
      if (typeof record === "object" && record !== null && "cursor" in record && typeof record.cursor === "string")
        return record.cursor;
    } catch {
      // Neither is a line that is no JSON one of an export.
    }
    throw this.notExport();
  }

  add(line: string): void {
    this.held.push(line);
    this.heldLength += line.length;
    if (this.heldLength >= writtenBytes) this.flush();
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.file);
    }
  }

  private flush(): void {
    if (this.held.length === 0) return;
    const bytes = Buffer.from(`${this.held.join("\n")}\n`);
    this.held = [];
    this.heldLength = 0;
    let at = fstatSync(this.file).size;
    for (let written = 0; written < bytes.length;) {
      const count = writeSync(this.file, bytes, written, bytes.length - written, at);
      written += count;
      at += count;
    }
  }

  private notExport(): StartError {
    return new StartError(`the last line of ${quotedText(this.path)} is no record of an export; name another file`);
  }
}
