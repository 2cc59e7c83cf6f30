// Messages as lines of a terminal. What others wrote is shown, never obeyed, and does not pass for a line of ours:
// those begin with a mark, a message with its time, and a name that is no plain word stands in quotes. On a terminal we
// break lines ourselves: every row but the first is indented, so that no row of a message looks like the next message.

import { namedText, printable } from "../../base/printable.ts";

/** Blanks that fill the rest of a line would make a body's end look like the next line. */
const blankRun = /[\p{Zs}\u2800]{4,}/gu;
const blankRunShown = "   ";

/** As wide as `12:34 `, and more. */
const indent = " ".repeat(8);
/** Rows of one message, and of one line of ours. */
export const rowsMax = 20;
const namesMax = 5;

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What a line shows of a message. */
interface ShownMessage {
  readonly sender: string;
  readonly body: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** The conversation, if it is not the one that the person is in: `to bob`, or a group's name; '' if it is. */
  readonly where: string;
  /** One of our own, which is stored by now. */
  readonly isStored?: boolean;
}

/** `12:34 alice: hello`; with `where` in brackets behind the time, or a mark at what is stored. */
export function messageLine({ sender, body, sendTime, where, isStored = false }: ShownMessage): string {
  const place = where === "" ? "" : ` [${where}]`;
  return `${clockOf(sendTime)}${isStored ? " ✓" : ""}${place} ${namedText(sender)}: ${bodyText(body)}`;
}

/** `12:34`, in the time zone of this machine. */
function clockOf(sendTime: bigint): string {
  const time = new Date(Number(sendTime / 1_000_000n));
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** A message's body in one line. */
function bodyText(body: string): string {
  return printable(body).replace(blankRun, blankRunShown);
}

/** `alice, bob and 9,988 others`: at most five names, or `max`. */
export function nameList(names: readonly string[], max = namesMax): string {
  const shown = names.slice(0, max).map(namedText).join(", ");
  const left = names.length - max;
  return left <= 0 ? shown : `${shown} and ${left.toLocaleString("en-US")} ${left === 1 ? "other" : "others"}`;
}

/**
 * One line as rows of at most `columns` cells, the rows after the first indented; at most `rowsMax` rows, the last of
 * which says how much is left out. Breaks at a blank where one is near.
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
        // The last row of the text, and one that says what is missing.
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

/** Names that /who shows, and groups that /groups shows. */
const listedMax = 200;

/** What /groups shows. */
export function groupLines(groups: readonly { readonly id: string; readonly name: string }[]): string[] {
  if (groups.length === 0) return ["* no group yet in which somebody has written"];
  const lines = groups.slice(0, listedMax).map(({ id, name }) => `* ${namedText(name)}  ${namedText(id)}`);
  return groups.length > listedMax ? [...lines, `* and ${groups.length - listedMax} more`] : lines;
}

/** What /who shows of a group. */
export function memberLine(owner: string, members: readonly { readonly account: string }[]): string {
  const others = members.map(({ account }) => account).filter((account) => account !== owner);
  const first = members.length > others.length ? [`${namedText(owner)} (owner)`] : [];
  return `* ${[...first, ...(others.length > 0 ? [nameList(others, listedMax)] : [])].join(", ")}`;
}
