// Where the rows of a conversation are, from their heights as measured, or as guessed until they are shown. Pure.

import type { Row } from "../state/rows.ts";

/** Characters of a line, and heights in pixels, as they come out most often. */
const lineCharacters = 60;
const lineHeight = 21;
const otherHeight = 40;
const firstExtra = 46;
const nextExtra = 18;

function guess({ message, isFirst }: Row): number {
  if (message === undefined) return otherHeight;
  const lines = Math.ceil(message.body.length / lineCharacters) || 1;
  return lines * lineHeight + (isFirst ? firstExtra : nextExtra);
}

export class RowPositions {
  readonly rows: readonly Row[];
  /** The top of each row, and the end of the last one. */
  private readonly tops: Float64Array;
  /** What was looked for last is looked for again at each frame. */
  private found = 0;

  constructor(rows: readonly Row[]) {
    this.rows = rows;
    this.tops = new Float64Array(rows.length + 1);
    this.measured();
  }

  /** Heights of rows have changed. */
  measured(): void {
    let [top, at] = [0, 0];
    for (const row of this.rows) {
      top += row.height || guess(row);
      this.tops[++at] = top;
    }
  }

  get total(): number {
    return this.topOf(this.rows.length);
  }

  topOf(at: number): number {
    return this.tops[at] ?? 0;
  }

  /** The row at a height, or the nearest one. */
  at(y: number): number {
    let [low, high] = [0, Math.max(0, this.rows.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.topOf(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** -1 if there is none. */
  indexOf(key: string): number {
    if (this.rows[this.found]?.key !== key) this.found = this.rows.findIndex((row) => row.key === key);
    return this.found;
  }
}

/** What a reader reads: the end, or a row and how far below its top the view begins. */
export type Anchor = "end" | { readonly key: string; readonly offset: number };

/** Where the view is to begin, within what is possible. */
export function topFor(anchor: Anchor, positions: RowPositions, viewHeight: number): number {
  const last = Math.max(0, positions.total - viewHeight);
  if (anchor === "end") return last;
  const at = positions.indexOf(anchor.key);
  return at < 0 ? last : Math.max(0, Math.min(positions.topOf(at) + anchor.offset, last));
}

/** What a reader reads whose view begins at `top`. */
export function anchorAt(top: number, positions: RowPositions, viewHeight: number): Anchor {
  // Half pixels come of zoomed pages.
  if (top + viewHeight >= positions.total - 2) return "end";
  const at = positions.at(top);
  // Days come and go with what is loaded above them; messages stay.
  const row = positions.rows.slice(at, at + 3).find(({ kind }) => kind === "message") ?? positions.rows[at];
  if (row === undefined) return "end";
  return { key: row.key, offset: top - positions.topOf(positions.rows.indexOf(row, at)) };
}
