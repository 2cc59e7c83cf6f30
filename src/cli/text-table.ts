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
