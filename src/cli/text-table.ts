// Tables on a terminal: columns as wide as their widest cell, up to a limit.

const gap = "  ";

/**
 * The lines of a table, each made when it is asked for; the first row is its head. Cells must be printable. No column
 * is wider than `widthMax`: a longer cell pushes what follows it in its line.
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

/** How long ago something was, as a cell: `7s`, `12m`, `5h`, `3d`. */
export function shownAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  if (whole < 120 * 60) return `${Math.floor(whole / 60)}m`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)}h`;
  return `${Math.floor(whole / 86_400)}d`;
}
