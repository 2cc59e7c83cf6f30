// The output of a conversation. On a terminal, lines appear above the line that the user is typing: its rows are
// cleared, the new line is printed, and the input is drawn again below. What is still visible can be drawn anew: a mark
// at a message changes in its place. Elsewhere, lines go to standard output and notices to standard error.
//
// `print` resolves when the output has accepted the lines.

import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";
import { printable } from "../../base/printable.ts";
import type { TerminalStream, WriteText } from "../command-output.ts";
import { saidLine } from "../command-output.ts";
import { rowsOf } from "./format.ts";

const toFirstColumn = "\r";
const clearBelow = "\u001b[J";
const up = (rows: number): string => (rows === 0 ? "" : `\u001b[${rows}A`);

export interface Streams {
  readonly input: NodeJS.ReadableStream;
  readonly output: WriteText;
  readonly errors: WriteText;
  /** The width of the output; undefined if it is not a terminal, so that lines are not wrapped. */
  readonly columns?: (() => number) | undefined;
  /** The output for readline; undefined unless both input and output are terminals. */
  readonly terminal: TerminalStream | undefined;
}

/** A line on the screen. */
interface Drawn {
  /** Identifies a line that may change; '' for others. */
  readonly key: string;
  readonly rows: readonly string[];
}

/** A line that `change` can find again. */
export interface KeyedLine {
  readonly key: string;
  readonly line: string;
}

export class Screen {
  private readonly streams: Streams;
  /** What is visible above the input, on a terminal of known height; the last line is directly above the input. */
  private drawn: Drawn[] = [];
  /** Created by `lines`: a line that is read without a listener would be lost. */
  private typed: Interface | undefined;
  /** True while the terminal shows an input line. */
  private isTyping = false;
  private isClosed = false;

  constructor(streams: Streams) {
    this.streams = streams;
  }

  get isTerminal(): boolean {
    return this.streams.terminal !== undefined;
  }

  /** The width of the output; undefined if it is not a terminal. */
  get columns(): number | undefined {
    return this.streams.columns?.();
  }

  /**
   * Iterates over the input's lines, until it ends or `close` is called. On a terminal, erases the typed lines, and
   * prints those again that `isTaken` does not accept: the caller shows the others in another form.
   */
  lines(isTaken: (line: string) => boolean): AsyncIterable<string> {
    const { input, terminal, output } = this.streams;
    if (this.isClosed) return Readable.from([]);
    if (terminal === undefined) {
      this.typed = createInterface({ input, terminal: false });
      return this.typed;
    }
    const typed = createInterface({ input, output: terminal, terminal: true });
    typed.on("line", (line) => {
      // The cursor is below the input now. The count may be a row short, if a wide character did not fit at the end of
      // a row: that leaves a row of the input rather than erasing a message.
      this.forgetAbove(this.inputRows(line));
      void output(`${up(this.inputRows(line))}${toFirstColumn}${clearBelow}`);
      // The prompt is not drawn: this is output of its own.
      if (!isTaken(line)) void output(this.draw([{ key: "", line: printable(typed.getPrompt() + line) }]));
    });
    // Rows that are broken anew are not where they were.
    terminal.on("resize", () => {
      this.drawn = [];
    });
    typed.once("close", () => {
      this.isTyping = false;
    });
    this.typed = typed;
    this.isTyping = true;
    return typed;
  }

  close(): void {
    this.isClosed = true;
    this.typed?.close();
  }

  /** Shows the input line after a prompt. */
  prompt(text: string): void {
    if (!this.isTyping) return;
    this.typed?.setPrompt(text);
    this.typed?.prompt(true);
  }

  /** Shows lines, which must be printable. */
  print(...lines: readonly (string | KeyedLine)[]): Promise<void> {
    const { output } = this.streams;
    this.forgetAbove(this.inputRows());
    const text = this.draw(lines.map((line) => (typeof line === "string" ? { key: "", line } : line)));
    if (!this.isTyping) return output(text);
    const above = this.typed?.getCursorPos().rows ?? 0;
    // readline moves as many rows up as the cursor was below the first row, and draws from there.
    const taken = output(`${up(above)}${toFirstColumn}${clearBelow}${text}${"\n".repeat(above)}`);
    this.typed?.prompt(true);
    return taken;
  }

  /** Draws the line with a key anew if it is visible; reports whether it is. */
  change({ key, line }: KeyedLine): boolean {
    this.forgetAbove(this.inputRows());
    const at = this.drawn.findLastIndex((drawn) => drawn.key === key);
    if (!this.isTyping || at < 0) return false;
    const below = this.drawn.splice(at);
    const above = this.typed?.getCursorPos().rows ?? 0;
    const rows = below.reduce((sum, drawn) => sum + drawn.rows.length, 0);
    const first = this.draw([{ key, line }]);
    const others = below.slice(1);
    this.drawn.push(...others);
    const text = first + textOf(others.flatMap((drawn) => drawn.rows));
    void this.streams.output(`${up(above + rows)}${toFirstColumn}${clearBelow}${text}${"\n".repeat(above)}`);
    this.typed?.prompt(true);
    return true;
  }

  /** Breaks lines into rows, and notes what is visible. */
  private draw(lines: readonly KeyedLine[]): string {
    const { columns } = this.streams;
    const drawn = lines.map(({ key, line }) => ({
      key,
      rows: columns === undefined ? [line] : rowsOf(line, columns()),
    }));
    if (this.isTerminal) this.drawn.push(...drawn);
    this.forgetAbove(1);
    return textOf(drawn.flatMap(({ rows }) => rows));
  }

  /** Forgets lines that the input, of so many rows, has moved off the screen. */
  private forgetAbove(inputRows: number): void {
    let left = (this.streams.terminal?.rows ?? 0) - inputRows;
    const first = this.drawn.findLastIndex(({ rows }) => (left -= rows.length) < 0);
    this.drawn.splice(0, first + 1);
  }

  /** The number of rows that the input takes, with its prompt. */
  private inputRows(line = this.typed?.line ?? ""): number {
    const width = Bun.stringWidth((this.typed?.getPrompt() ?? "") + line);
    return Math.max(1, Math.ceil(width / (this.streams.terminal?.columns ?? width)));
  }

  /** Shows an error. */
  complain(sentence: string): void {
    this.tell("!", sentence);
  }

  /** Shows a notice. */
  note(sentence: string): void {
    this.tell("*", sentence);
  }

  private tell(mark: string, sentence: string): void {
    if (this.isTerminal) void this.print(`${mark} ${printable(sentence)}`);
    else void this.streams.errors(saidLine(sentence));
  }
}

function textOf(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
