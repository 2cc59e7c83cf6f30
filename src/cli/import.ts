// roost import: stores the JSON lines of an export in an app that nobody has used. The server knows how many records of
// the import it has, so a repetition goes on behind them, whatever became of the last one.

import { basename } from "node:path";
import { apiMethods } from "../api/description/methods.ts";
import { apiRequestBytesMax, importRecordsMax, reactionsExportedMax } from "../base/limits/fixed.ts";
import { quotedText } from "../base/printable.ts";
import { type ApiPlace, callMethod } from "./api/call.ts";
import { placeOf } from "./api/place.ts";
import { printLines, say } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { StartError } from "./usage-error.ts";

/** What a page has besides its records. */
const envelopeBytes = 1_024;
const pageBytesMax = apiRequestBytesMax - envelopeBytes;

interface Page {
  readonly lines: readonly string[];
  /** The number of the first record in the file, from 1; blank lines are no records. */
  readonly first: number;
}

interface Stored {
  readonly cursor: string;
  readonly stored: number;
}

/** Throws StartError, UsageError. */
export async function importRecords(values: OptionValues): Promise<void> {
  const [path = ""] = values.operands;
  const name =
    values.optional("name") ??
    basename(path)
      .replace(/[^!-~]/g, "-")
      .slice(0, 64);
  const app = values.isGiven("app") ? values.required("app") : undefined;
  const target = new ImportTarget(placeOf(values), { name, app });
  const progress = new Progress();
  try {
    const before = await target.send("", []);
    if (before.stored > 0) say(`the import ${name} has ${counted(before.stored)} already, and is gone on with`);
    let { cursor, stored } = before;
    for await (const { lines, first } of pagesOf(path, before.stored)) {
      ({ cursor, stored } = await target.send(cursor, lines, first));
      progress.show(counted(stored));
    }
    if (values.required("last")) await target.send(cursor, [], 0, true);
    progress.clear();
    await printLines([`The import ${name} has ${counted(stored)}.`]);
  } finally {
    progress.clear();
  }
}

function counted(records: number): string {
  return `${records.toLocaleString("en-US")} record${records === 1 ? "" : "s"}`;
}

class ImportTarget {
  private readonly place: ApiPlace;
  private readonly fields: { readonly name: string; readonly app: string | undefined };

  constructor(place: ApiPlace, fields: { readonly name: string; readonly app: string | undefined }) {
    this.place = place;
    this.fields = fields;
  }

  /** Lines are JSON already; no lines: asks how far the import is. `first`: the number of the first record. */
  async send(cursor: string, lines: readonly string[], first = 0, last = false): Promise<Stored> {
    const head = JSON.stringify({ ...this.fields, cursor, last });
    const request = `${head.slice(0, -1)},"records":[${lines.join(",")}]}`;
    let answer = "";
    const method = apiMethods.get("Messages/Import");
    if (method === undefined) throw new Error("the API has the method Messages/Import");
    try {
      await callMethod(this.place, method, request, (json) => {
        answer = json;
        return Promise.resolve();
      });
    } catch (error) {
      if (error instanceof StartError) throw new StartError(withLine(error.message, first));
      throw error;
    }
    const { cursor: next, stored }: { cursor?: string; stored?: string } = JSON.parse(answer);
    return { cursor: next ?? "", stored: Number(stored ?? "0") };
  }
}

/** Names a record by its place in the file, rather than in its page. */
function withLine(sentence: string, first: number): string {
  return sentence.replace(
    /records\[(\d+)\]/,
    (_, position: string) => `record ${first + Number(position)} of the file`,
  );
}

/** The records of a file behind the first `skipped` ones, in pages. Throws StartError. */
async function* pagesOf(path: string, skipped: number): AsyncGenerator<Page> {
  let lines: string[] = [];
  let bytes = 0;
  let reactions = 0;
  let count = 0;
  for await (const line of linesOf(path)) {
    if (++count <= skipped) continue;
    const length = Buffer.byteLength(line) + 1;
    if (length > pageBytesMax) throw new StartError(`record ${count} of ${path} has more than ${pageBytesMax} bytes`);
    const more = reactionsIn(line);
    const isFull =
      lines.length === importRecordsMax || bytes + length > pageBytesMax || reactions + more > reactionsExportedMax;
    if (isFull && lines.length > 0) {
      yield { lines, first: count - lines.length };
      lines = [];
      bytes = 0;
      reactions = 0;
    }
    lines.push(line);
    bytes += length;
    reactions += more;
  }
  if (count < skipped)
    throw new StartError(`${path} has ${count} records, and the import ${skipped}: it is the import of another file`);
  if (lines.length > 0) yield { lines, first: count - lines.length + 1 };
}

/** At least as many as the record has: nothing is parsed for it. */
function reactionsIn(line: string): number {
  let count = 0;
  for (let at = line.indexOf('"reaction"'); at >= 0; at = line.indexOf('"reaction"', at + 1)) count++;
  return count;
}

/** The lines of a file that are not blank. Throws StartError if it cannot be read. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of Bun.file(path).stream()) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      if (rest.length > pageBytesMax) throw new StartError(`${path} has a line of more than ${pageBytesMax} bytes`);
      for (const line of parts) if (line.trim() !== "") yield line;
    }
    rest += decoder.decode();
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot read ${quotedText(path)}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (rest.trim() !== "") yield rest;
}
