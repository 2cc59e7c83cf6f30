// Lines in the rows of a terminal: wrapped here, with all rows but the first indented, so that no row of a message
// looks like another message.

/** The indentation, wider than `12:34 `; a narrow terminal's is a quarter of its width. */
const indentMax = 8;
/** A terminal that says it is narrower counts as one of `columnsUnknown`. */
const columnsMin = 5;
const columnsUnknown = 16;
/** The most rows of one line. */
export const rowsMax = 20;

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Shortens a printable text to at most `cells` cells, with `…` at the end. */
export function cut(text: string, cells: number): string {
  // A cluster has a cell at least, unless it is hidden.
  if (text.length <= cells && Bun.stringWidth(text) <= cells) return text;
  let kept = "";
  let used = 1;
  for (const { segment } of clusters.segment(text)) {
    used += Bun.stringWidth(segment);
    if (used > cells) return `${kept}…`;
    kept += segment;
  }
  return kept;
}

/**
 * Wraps a line to rows of at most `columns` cells, all but the first indented, preferably at blanks. Returns at most
 * `rowsMax` rows, the last of which says how much is missing.
 */
export function rowsOf(line: string, columns: number): string[] {
  const width = columns < columnsMin ? columnsUnknown : columns;
  const indent = " ".repeat(Math.min(indentMax, Math.floor(width / 4)));
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

/** Returns how many rows a terminal of `columns` cells takes for a text: it tears no wide character. */
export function rowCount(text: string, columns: number): number {
  if (text.length < columns && Bun.stringWidth(text) < columns) return 1;
  let rows = 1;
  let cells = 0;
  for (const { segment } of clusters.segment(text)) {
    const wide = Bun.stringWidth(segment);
    if (cells + wide > columns) {
      rows++;
      cells = 0;
    }
    cells += wide;
  }
  return rows;
}
