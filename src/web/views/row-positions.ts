// Where the rows of a conversation are, from their heights as measured, or as guessed until they are shown. Pure.

import { overlap } from "../state/overlap.ts";
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

/** Sums of heights in a Fenwick tree: one height changes, and a row is found, in the logarithm of their number. */
export class RowPositions {
  readonly rows: readonly Row[];
  private readonly heights: Float64Array;
  /** At `i`, from 1 on: the sum of as many heights up to row `i - 1` as the lowest bit of `i` says. */
  private readonly sums: Float64Array;
  /** The sum of all. */
  total = 0;
  /** What was looked for last is looked for again at each frame, and near it. */
  private found = 0;

  /** `former`: those before a change of rows, of which the heights of the same rows are taken. */
  constructor(rows: readonly Row[], former?: RowPositions) {
    this.rows = rows;
    this.heights = new Float64Array(rows.length);
    this.sums = new Float64Array(rows.length + 1);
    const { start, end } = overlap(former?.rows ?? [], rows);
    if (former !== undefined) {
      this.heights.set(former.heights.subarray(0, start));
      this.heights.set(former.heights.subarray(former.rows.length - end), rows.length - end);
      this.found = former.found + (former.found < start ? 0 : rows.length - former.rows.length);
    }
    this.takeHeights(start, rows.length - end);
  }

  /** The heights of all rows have to be measured again. */
  forget(): void {
    for (const row of this.rows) row.height = 0;
    this.takeHeights(0, this.rows.length);
  }

  /** A row was measured. Returns whether its height is another one. */
  measured(at: number, height: number): boolean {
    const row = this.rows[at];
    if (row === undefined || Math.abs(height - row.height) < 0.1) return false;
    row.height = height;
    const more = height - (this.heights[at] ?? 0);
    this.heights[at] = height;
    this.total += more;
    for (let i = at + 1; i < this.sums.length; i += i & -i) this.sums[i] = (this.sums[i] ?? 0) + more;
    return true;
  }

  topOf(at: number): number {
    let top = 0;
    for (let i = Math.min(at, this.rows.length); i > 0; i -= i & -i) top += this.sums[i] ?? 0;
    return top;
  }

  /** The row at a height, or the nearest one. */
  at(y: number): number {
    let [at, rest] = [0, y];
    for (let step = 2 ** Math.floor(Math.log2(this.rows.length || 1)); step >= 1; step /= 2) {
      const sum = this.sums[at + step];
      if (sum === undefined || sum > rest) continue;
      at += step;
      rest -= sum;
    }
    return Math.min(at, Math.max(0, this.rows.length - 1));
  }

  /** -1 if there is none. */
  indexOf(key: string): number {
    const { rows, found } = this;
    const most = Math.max(found + 1, rows.length - found);
    for (let far = 0; far < most; far++) {
      if (rows[found + far]?.key === key) return (this.found = found + far);
      if (rows[found - far]?.key === key) return (this.found = found - far);
    }
    return -1;
  }

  private takeHeights(start: number, end: number): void {
    const { rows, heights, sums } = this;
    for (let at = start; at < end; at++) {
      const row = rows[at];
      if (row !== undefined) heights[at] = row.height || guess(row);
    }
    sums.fill(0);
    this.total = 0;
    for (let i = 1; i < sums.length; i++) {
      const sum = (sums[i] ?? 0) + (heights[i - 1] ?? 0);
      this.total += heights[i - 1] ?? 0;
      sums[i] = sum;
      const above = i + (i & -i);
      if (above < sums.length) sums[above] = (sums[above] ?? 0) + sum;
    }
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
