// Formats messages as lines of a terminal. Foreign text cannot control the terminal, nor imitate a line of the program:
// those begin with a mark, messages with a time, and names other than plain words are quoted. Long lines are wrapped
// here, with all rows but the first indented, so that no row of a message looks like another message.

import { namedText, printable } from "../../base/printable.ts";

/** Long runs of blanks could move the rest of a body to the start of a row. */
const blankRun = /[\p{Zs}\u2800]{4,}/gu;
const blankRunShown = "   ";

/** Wider than `12:34 `. */
const indent = " ".repeat(8);
/** The most rows of one line. */
export const rowsMax = 20;
const namesMax = 5;

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The parts of a message that its line shows. */
interface ShownMessage {
  readonly sender: string;
  readonly body: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** The conversation: `to bob`, or a group's name; '' for the current one. */
  readonly where: string;
  /** It was sent here, and is stored. */
  readonly isStored?: boolean;
}

/** Formats `12:34 alice: hello`, with a tick if it is stored, and `where` in brackets. */
export function messageLine({ sender, body, sendTime, where, isStored = false }: ShownMessage): string {
  const place = where === "" ? "" : ` [${where}]`;
  return `${clockOf(sendTime)}${isStored ? " ✓" : ""}${place} ${namedText(sender)}: ${bodyText(body)}`;
}

/** Formats `12:34`, in the local time zone. */
function clockOf(sendTime: bigint): string {
  const time = new Date(Number(sendTime / 1_000_000n));
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** Formats a body as one line. */
function bodyText(body: string): string {
  return printable(body).replace(blankRun, blankRunShown);
}

/** Formats `alice, bob and 9,988 others`, with at most `max` names. */
export function nameList(names: readonly string[], max = namesMax): string {
  const shown = names.slice(0, max).map(namedText).join(", ");
  const left = names.length - max;
  return left <= 0 ? shown : `${shown} and ${left.toLocaleString("en-US")} ${left === 1 ? "other" : "others"}`;
}

/**
 * Wraps a line to rows of at most `columns` cells, all but the first indented, preferably at blanks. Returns at most
 * `rowsMax` rows, the last of which says how much is missing.
 */
export function rowsOf(line: string, columns: number): string[] {
  const width = Math.max(columns, 2 * indent.length);
  if (line.length <= width && Bun.stringWidth(line) <= width) return [line];
  const rows: string[] = [];
  let row = "";
  let cells = 0;
  let taken = 0;
  for (const { segment } of clusters.segment(line)) {
    const wide = Bun.stringWidth(segment);
    if (cells + wide > width) {
      if (rows.length === rowsMax - 2) {
        rows.push(row, `${indent}… ${(line.length - taken).toLocaleString("en-US")} more characters`);
        return rows;
      }
      const blank = row.lastIndexOf(" ");
      const isNear = blank > indent.length && blank > (row.length * 2) / 3;
      rows.push(isNear ? row.slice(0, blank) : row);
      row = indent + (isNear ? row.slice(blank + 1) : "");
      cells = Bun.stringWidth(row);
    }
    row += segment;
    cells += wide;
    taken += segment.length;
  }
  rows.push(row);
  return rows;
}

/** The most names that /who shows, and groups that /groups shows. */
const listedMax = 200;

/** Returns the lines of /groups. */
export function groupLines(groups: readonly { readonly id: string; readonly name: string }[]): string[] {
  if (groups.length === 0) return ["* you have no groups with messages"];
  const lines = groups.slice(0, listedMax).map(({ id, name }) => `* ${namedText(name)}  ${namedText(id)}`);
  return groups.length > listedMax ? [...lines, `* and ${groups.length - listedMax} more`] : lines;
}

/** Returns the line of /who in a group. */
export function memberLine(owner: string, members: readonly { readonly account: string }[]): string {
  const others = members.map(({ account }) => account).filter((account) => account !== owner);
  const first = members.length > others.length ? [`${namedText(owner)} (owner)`] : [];
  return `* ${[...first, ...(others.length > 0 ? [nameList(others, listedMax)] : [])].join(", ")}`;
}
