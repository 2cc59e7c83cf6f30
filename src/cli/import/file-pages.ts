// The records of a file of JSON lines, in pages of what one request of an import may have. Nothing is parsed.

import { apiRequestBytesMax, importNamesMax, importRecordsMax, mentionsMax } from "../../base/limits/fixed.ts";
import { quotedText } from "../../base/printable.ts";
import { StartError } from "../usage-error.ts";

/** What a page has besides its records. */
const envelopeBytes = 1_024;
const pageBytesMax = apiRequestBytesMax - envelopeBytes;

export interface FilePage {
  readonly lines: readonly string[];
  /** The number of the first record in the file, from 1; blank lines are no records. */
  readonly first: number;
}

/** The records of a file behind the first `skipped` ones, in pages. Throws StartError. */
export async function* pagesOf(path: string, skipped: number): AsyncGenerator<FilePage> {
  let lines: string[] = [];
  let bytes = 0;
  let names = 0;
  let count = 0;
  for await (const line of linesOf(path)) {
    if (++count <= skipped) continue;
    const length = Buffer.byteLength(line) + 1;
    if (length > pageBytesMax) throw new StartError(`record ${count} of ${path} has more than ${pageBytesMax} bytes`);
    const more = namesIn(line);
    const isFull = lines.length === importRecordsMax || bytes + length > pageBytesMax || names + more > importNamesMax;
    if (isFull && lines.length > 0) {
      yield { lines, first: count - lines.length };
      lines = [];
      bytes = 0;
      names = 0;
    }
    lines.push(line);
    bytes += length;
    names += more;
  }
  if (count < skipped)
    throw new StartError(`${path} has ${count} records, and the import ${skipped}: it is the import of another file`);
  if (lines.length > 0) yield { lines, first: count - lines.length + 1 };
}

/** At least as many reactions, mentions and blocked accounts as the record has: nothing is parsed for it. */
function namesIn(line: string): number {
  const mentions = line.indexOf('"mentions"');
  // Names have no commas.
  const mentioned = mentions < 0 ? 0 : Math.min(mentionsMax, 1 + countOf(",", line, mentions));
  const blocked = line.indexOf('"blocked"');
  return mentioned + (blocked < 0 ? 0 : 1 + countOf(",", line, blocked)) + countOf('"reaction"', line, 0);
}

function countOf(part: string, line: string, from: number): number {
  let count = 0;
  for (let at = line.indexOf(part, from); at >= 0; at = line.indexOf(part, at + part.length)) count++;
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
