// The output of a conversation. On a terminal, lines appear above the line that the user is typing: its rows are
// cleared, the new line is printed, and the input is drawn again below. What is still visible can be drawn anew: a mark
// at a message changes in its place. Elsewhere, lines go to standard output and notices to standard error.
//
// `print` resolves when the output has accepted the lines. Nothing is written as others have chosen it: each line and
// prompt passes through `printable` here, whatever its author has done before.

import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";
import { printable } from "../../base/printable.ts";
import type { TerminalStream, WriteText } from "../command-output.ts";
import { saidLine } from "../command-output.ts";
import { boldMentions } from "./mentions.ts";
import { rowCount, rowsOf } from "./rows.ts";

const toFirstColumn = "\r";
const clearBelow = "\u001b[J";
const clearRight = "\u001b[K";
const up = (rows: number): string => (rows === 0 ? "" : `\u001b[${rows}A`);
const down = (rows: number): string => (rows === 0 ? "" : `\u001b[${rows}B`);

export interface Streams {
  readonly input: NodeJS.ReadableStream;
  readonly output: WriteText;
  readonly errors: WriteText;
  /** The width of the output; undefined if it is not a terminal, so that lines are not wrapped. */
  readonly columns?: (() => number) | undefined;
  /** The output for readline; undefined unless both input and output are terminals that move the cursor. */
  readonly terminal: TerminalStream | undefined;
  /** Whether text may be bold. */
  readonly isStyled?: boolean;
  /** Called after each key, with the line that is being typed. */
  readonly onTyped?: (line: string) => void;
  /** Stops the process, as Ctrl-Z asks; returns when it goes on. */
  readonly suspend?: () => void;
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
  /** An account whose mentions in the line are bold, on a terminal that has that. */
  readonly mentioned?: string;
}

export class Screen {
  private readonly streams: Streams;
  /** What is visible above the input, on a terminal of known height; the last line is directly above the input. */
  private drawn: Drawn[] = [];
  /** Created by `lines`: a line that is read without a listener would be lost. */
  private typed: Interface | undefined;
  /** True while the terminal shows an input line, or will after the next `prompt`. */
  private isTyping = false;
  /** True while the cursor is in the input line. */
  private isAsking = false;
  private isClosed = false;

  constructor(streams: Streams) {
    this.streams = streams;
  }

  get isTerminal(): boolean {
    return this.streams.terminal !== undefined;
  }

  /** Whether `change` can draw lines anew: not before `lines` is called. */
  get canChange(): boolean {
    return this.isTyping;
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
      this.isAsking = false;
      // The cursor is below the input now.
      this.forgetAbove(this.inputRows(line));
      void output(`${up(this.inputRows(line))}${toFirstColumn}${clearBelow}`);
      // The prompt is not drawn: this is output of its own.
      if (!isTaken(line)) void output(this.draw([{ key: "", line: typed.getPrompt() + line }]));
    });
    // Rows that are broken anew are not where they were.
    terminal.on("resize", () => {
      this.drawn = [];
    });
    // readline clears the screen.
    input.on("keypress", (_text: string, key: { readonly ctrl?: boolean; readonly name?: string } | undefined) => {
      if (key?.ctrl === true && key.name === "l") this.drawn = [];
      this.streams.onTyped?.(typed.line);
    });
    terminal.on("continue", () => this.drawAgain());
    // With this listener, readline leaves Ctrl-Z to us.
    typed.on("SIGTSTP", () => {
      this.endInput();
      this.streams.suspend?.();
      // Where a parent of no job control started it, it was not stopped.
      this.drawAgain();
    });
    typed.once("close", () => {
      this.endInput();
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
    const above = this.rowsAbove();
    this.typed?.setPrompt(printable(text));
    this.ask(above);
  }

  /** The rows of the input above the cursor: none once it is taken, until the prompt is drawn again. */
  private rowsAbove(): number {
    return this.isAsking ? (this.typed?.getCursorPos().rows ?? 0) : 0;
  }

  /** `above`: rows between the first one of the input and the cursor. */
  private ask(above: number): void {
    this.isAsking = true;
    // readline moves up by its own count, which is behind once a line has grown by a row while it was typed.
    if (this.typed !== undefined) Object.assign(this.typed, { prevRows: above });
    this.typed?.prompt(true);
  }

  /** Moves the cursor below the input line: what others print begins in a row of its own. */
  private endInput(): void {
    if (!this.isAsking) return;
    this.isAsking = false;
    const below = this.inputRows() - 1 - (this.typed?.getCursorPos().rows ?? 0);
    void this.streams.output("\n".repeat(Math.max(0, below) + 1));
  }

  /** Others have printed since: what was drawn is not where it was. */
  private drawAgain(): void {
    if (!this.isTyping) return;
    this.drawn = [];
    const above = this.typed?.getCursorPos().rows ?? 0;
    void this.streams.output(`${toFirstColumn}${"\n".repeat(above)}`);
    this.ask(above);
  }

  /** Shows lines: a newline in one begins no row. */
  print(...lines: readonly (string | KeyedLine)[]): Promise<void> {
    const { output } = this.streams;
    this.forgetAbove(this.inputRows());
    const text = this.draw(lines.map((line) => (typeof line === "string" ? { key: "", line } : line)));
    if (!this.isTyping) return output(text);
    const above = this.rowsAbove();
    // readline moves as many rows up as the cursor was below the first row, and draws from there.
    const taken = output(`${up(above)}${toFirstColumn}${clearBelow}${text}${"\n".repeat(above)}`);
    this.ask(above);
    return taken;
  }

  /** Draws the line with a key anew if it is visible, and another one than before; reports whether it is visible. */
  change(changed: KeyedLine): boolean {
    this.forgetAbove(this.inputRows());
    const at = this.drawn.findLastIndex((drawn) => drawn.key === changed.key);
    if (!this.isTyping || at < 0) return false;
    const next = this.rowsOf(changed);
    if (this.drawn[at]?.rows.join("\n") === next.join("\n")) return true;
    const below = this.drawn.splice(at);
    const above = this.rowsAbove();
    const [former, ...others] = below;
    this.drawn.push({ key: changed.key, rows: next }, ...others);
    const rows = below.reduce((sum, drawn) => sum + drawn.rows.length, 0);
    const start = `${up(above + rows)}${toFirstColumn}`;
    if (next.length === former?.rows.length) {
      // Only these rows: some terminals keep what is cleared, so that it would stand twice in what has scrolled off.
      const text = next.map((row) => `${row}${clearRight}\n`).join("");
      void this.streams.output(`${start}${text}${down(above + rows - next.length)}`);
    } else {
      const text = textOf([...next, ...others.flatMap((drawn) => drawn.rows)]);
      void this.streams.output(`${start}${clearBelow}${text}${"\n".repeat(above)}`);
    }
    this.forgetAbove(this.inputRows());
    this.ask(above);
    return true;
  }

  private rowsOf({ line, mentioned }: KeyedLine): string[] {
    const { columns, isStyled = false } = this.streams;
    const text = printable(line);
    const rows = columns === undefined ? [text] : rowsOf(text, columns());
    return mentioned === undefined || !isStyled ? rows : rows.map((row) => boldMentions(row, mentioned));
  }

  /** Breaks lines into rows, and notes what is visible. */
  private draw(lines: readonly KeyedLine[]): string {
    const drawn = lines.map((line) => ({ key: line.key, rows: this.rowsOf(line) }));
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
    return rowCount((this.typed?.getPrompt() ?? "") + line, this.streams.terminal?.columns ?? Infinity);
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
    if (this.isTerminal) void this.print(`${mark} ${sentence}`);
    else void this.streams.errors(saidLine(sentence));
  }
}

function textOf(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
