// Tables, ages and counts as text for a terminal.

const gap = "  ";

/**
 * Yields the lines of a table whose first row is its header. Cells must be printable. Columns are as wide as their
 * widest cell, at most `widthMax`; a longer cell shifts the rest of its line.
 */
export function* tableLines(rows: readonly (readonly string[])[], widthMax = Infinity): Generator<string> {
  const widths: number[] = [];
  for (const cells of rows)
    for (const [column, cell] of cells.entries())
      widths[column] = Math.min(widthMax, Math.max(widths[column] ?? 0, Bun.stringWidth(cell)));
  const padded = (cell: string, column: number): string =>
    cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)));
  for (const cells of rows) yield cells.map(padded).join(gap).trimEnd();
}

/** Formats an age as a cell: `7s`, `12m`, `5h`, `3d`. */
export function shownAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  if (whole < 120 * 60) return `${Math.floor(whole / 60)}m`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)}h`;
  return `${Math.floor(whole / 86_400)}d`;
}

/** Formats a count with its noun: `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
