// Where the rows of a conversation are, from their heights as measured, or as guessed until they are shown. Rows come
// in blocks, one of each part of the messages: what is added or measured costs its own block, and one sum of each
// other. Pure.

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

/** Rows that stay together, and sums of their heights. */
interface Block {
  readonly rows: readonly Row[];
  /** Of each row, below the first one's top; at the end, the height of all. */
  readonly tops: Float64Array;
  isCurrent: boolean;
}

/** What the positions of one conversation have in common, whatever rows come and go. */
interface Shared {
  readonly blocks: WeakMap<readonly Row[], Block>;
  /** Counts changes of heights. */
  changes: number;
  /** Rows are looked for near the one that was found last: so many blocks before the last one. */
  found: number;
}

export class RowPositions {
  readonly hasAfter: boolean;
  private readonly shared: Shared;
  private readonly blocks: readonly Block[];
  /** How many rows are before each block, and how high they are; at the end, the sums of all. */
  private readonly starts: Float64Array;
  private readonly tops: Float64Array;
  /** The change that `tops` are of. */
  private change = -1;

  /**
   * `former`: those before a change of rows; blocks of the same rows stay. `hasAfter`: others follow that are not
   * loaded, so that the last one is not the end.
   */
  constructor(parts: readonly (readonly Row[])[], former?: RowPositions, hasAfter = false) {
    this.hasAfter = hasAfter;
    this.shared = former?.shared ?? { blocks: new WeakMap(), changes: 0, found: 0 };
    const { blocks } = this.shared;
    this.starts = new Float64Array(parts.length + 1);
    this.tops = new Float64Array(parts.length + 1);
    this.blocks = parts.map((rows, at) => {
      this.starts[at + 1] = (this.starts[at] ?? 0) + rows.length;
      const block = blocks.get(rows) ?? { rows, tops: new Float64Array(rows.length + 1), isCurrent: false };
      blocks.set(rows, block);
      return block;
    });
  }

  /** The number of rows. */
  get length(): number {
    return this.starts.at(-1) ?? 0;
  }

  /** The sum of all heights. */
  get total(): number {
    return this.current().at(-1) ?? 0;
  }

  row(at: number): Row | undefined {
    const block = lastUpTo(this.starts, at);
    return this.blocks[block]?.rows[at - (this.starts[block] ?? 0)];
  }

  topOf(at: number): number {
    const block = lastUpTo(this.starts, at);
    const top = this.current()[block] ?? 0;
    return top + (this.blocks[block]?.tops[at - (this.starts[block] ?? 0)] ?? 0);
  }

  /** The row at a height, or the nearest one. */
  at(y: number): number {
    const tops = this.current();
    const block = lastUpTo(tops, y);
    const inBlock = lastUpTo(this.blocks[block]?.tops, y - (tops[block] ?? 0));
    return Math.max(0, Math.min((this.starts[block] ?? 0) + inBlock, this.length - 1));
  }

  /** -1 if there is none. */
  indexOf(key: string): number {
    const { blocks, shared } = this;
    const last = blocks.length - 1;
    const near = Math.max(0, last - shared.found);
    for (let far = 0; far <= last; far++)
      for (const at of [near - far, near + far]) {
        const found = blocks[at]?.rows.findIndex((row) => row.key === key) ?? -1;
        if (found < 0) continue;
        shared.found = last - at;
        return (this.starts[at] ?? 0) + found;
      }
    return -1;
  }

  /** A row was measured. Returns whether its height is another one. */
  measured(at: number, height: number): boolean {
    const row = this.row(at);
    const block = this.blocks[lastUpTo(this.starts, at)];
    if (row === undefined || block === undefined || Math.abs(height - row.height) < 0.1) return false;
    row.height = height;
    block.isCurrent = false;
    this.shared.changes++;
    return true;
  }

  /** The heights of all rows have to be measured again. */
  forget(): void {
    for (const block of this.blocks) {
      for (const row of block.rows) row.height = 0;
      block.isCurrent = false;
    }
    this.shared.changes++;
  }

  /** The tops of the blocks, as rows were measured last. */
  private current(): Float64Array {
    const { blocks, tops, shared } = this;
    if (this.change === shared.changes) return tops;
    this.change = shared.changes;
    for (const [at, block] of blocks.entries()) {
      if (!block.isCurrent) sum(block);
      tops[at + 1] = (tops[at] ?? 0) + (block.tops.at(-1) ?? 0);
    }
    return tops;
  }
}

function sum(block: Block): void {
  const { rows, tops } = block;
  for (const [at, row] of rows.entries()) tops[at + 1] = (tops[at] ?? 0) + (row.height || guess(row));
  block.isCurrent = true;
}

/** The last one of ascending numbers that is not above another number; 0 if all are. */
function lastUpTo(numbers: Float64Array = new Float64Array(1), most: number): number {
  let [low, high] = [0, numbers.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= most) low = middle;
    else high = middle;
  }
  return low;
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

/** Whether a view that begins at `top` shows the end. Half pixels come of zoomed pages. */
export const isEnd = (positions: RowPositions, top: number, viewHeight: number): boolean =>
  !positions.hasAfter && top + viewHeight >= positions.total - 2;

/** What a reader reads whose view begins at `top`. */
export function anchorAt(top: number, positions: RowPositions, viewHeight: number): Anchor {
  if (isEnd(positions, top, viewHeight)) return "end";
  const first = positions.at(top);
  // Days come and go with what is loaded above them; messages stay.
  const at = [first, first + 1, first + 2].find((each) => positions.row(each)?.kind === "message") ?? first;
  const row = positions.row(at);
  return row === undefined ? "end" : { key: row.key, offset: top - positions.topOf(at) };
}
