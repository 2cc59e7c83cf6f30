// Tables on a terminal: columns as wide as their widest cell.

const gap = "  ";

/** Returns the lines of a table; the first row is its head. Cells must be printable. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((cells) => Bun.stringWidth(cells[column] ?? ""))),
  );
  const padded = (cell: string, column: number): string =>
    cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)));
  return rows.map((cells) => cells.map(padded).join(gap).trimEnd());
}

/** How long ago something was, as a cell: `7s`, `12m`, `5h`, `3d`. */
export function shownAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  if (whole < 120 * 60) return `${Math.floor(whole / 60)}m`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)}h`;
  return `${Math.floor(whole / 86_400)}d`;
}
