// A program in a pseudo terminal, and what a person would see of it: the rows of the screen, and those that have
// scrolled off its top. Understands what our programs send: new lines, carriage returns, cursor moves, clearing, bold.
// A character is one cell or two.

import { stringWidth } from "bun";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

const escape = "\u001b";

export class ScreenRows {
  private readonly columns: number;
  private readonly height: number;
  /** All rows since the start; the last `height` of them are the screen. */
  private readonly all: string[][];
  private row = 0;
  private column = 0;
  private rest = "";
  private isBold = false;
  /** How many escape sequences have come. */
  sequences = 0;
  /** The runs of bold characters, in the order of their coming. */
  readonly bold: string[] = [];

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.height = rows;
    this.all = Array.from({ length: rows }, () => []);
  }

  get lines(): string[] {
    return this.all.map((cells) =>
      Array.from(cells, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  feed(text: string): void {
    const input = this.rest + text;
    this.rest = "";
    for (let at = 0; at < input.length;) {
      const isEscape = input[at] === escape;
      const sequence = isEscape ? /^\[([?\d;]*)([A-Za-z])/.exec(input.slice(at + 1, at + 20)) : null;
      if (sequence !== null) {
        this.sequences++;
        this.obey(sequence[2] ?? "", Number(sequence[1] || "0"));
        at += 1 + sequence[0].length;
      } else if (isEscape && input.length - at < 20) {
        this.rest = input.slice(at);
        return;
      } else {
        this.put(String.fromCodePoint(input.codePointAt(at) ?? 0));
        at += String.fromCodePoint(input.codePointAt(at) ?? 0).length;
      }
    }
  }

  private get top(): number {
    return this.all.length - this.height;
  }

  private down(): void {
    this.row++;
    if (this.row === this.all.length) this.all.push([]);
  }

  private put(character: string): void {
    if (character === "\n") this.down();
    else if (character === "\r") this.column = 0;
    else if (stringWidth(character) > 0) {
      const wide = stringWidth(character);
      // The cursor waits behind the last cell until the next character comes.
      if (this.column + wide > this.columns) {
        this.column = 0;
        this.down();
      }
      const cells = this.all[this.row];
      if (cells !== undefined) {
        cells[this.column++] = character;
        if (wide === 2) cells[this.column++] = "";
      }
      if (this.isBold) this.bold.push((this.bold.pop() ?? "") + character);
    }
  }

  private obey(command: string, count: number): void {
    const cells = this.all[this.row] ?? [];
    if (command === "m") {
      this.isBold = count === 1;
      if (this.isBold) this.bold.push("");
    }
    if (command === "A") this.row = Math.max(this.top, this.row - Math.max(1, count));
    else if (command === "B") this.row = Math.min(this.all.length - 1, this.row + Math.max(1, count));
    else if (command === "C") this.column = Math.min(this.columns - 1, this.column + Math.max(1, count));
    else if (command === "D") this.column = Math.max(0, this.column - Math.max(1, count));
    else if (command === "H") [this.row, this.column] = [this.top, 0];
    else if (command === "G") this.column = Math.max(1, count) - 1;
    else if (command === "K") cells.length = Math.min(cells.length, this.column);
    else if (command === "J") {
      cells.length = Math.min(cells.length, this.column);
      for (let below = this.row + 1; below < this.all.length; below++) this.all[below] = [];
    }
  }
}

export class PseudoTerminal {
  readonly screen: ScreenRows;
  readonly child: Bun.Subprocess;
  private readonly decoder = new TextDecoder();

  constructor(words: string[], columns: number, rows: number, environment: Record<string, string> = {}) {
    this.screen = new ScreenRows(columns, rows);
    this.child = Bun.spawn([...endsWithParent(), ...words], {
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", ...environment },
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => this.screen.feed(this.decoder.decode(bytes, { stream: true })),
      },
    });
  }

  type(text: string): void {
    this.child.terminal?.write(text);
  }

  get bold(): readonly string[] {
    return this.screen.bold;
  }

  /** How many rows hold this text. */
  count(text: string): number {
    return this.screen.lines.filter((line) => line.includes(text)).length;
  }

  async close(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
    this.child.terminal?.close();
  }
}
