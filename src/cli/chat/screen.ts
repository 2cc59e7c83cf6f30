// The output of a conversation. On a terminal, lines appear above the line that the user is typing: its rows are
// cleared, the new line is printed, and the input is drawn again below. Elsewhere, lines go to standard output and
// notices to standard error.
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

export class Screen {
  private readonly streams: Streams;
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

  /**
   * Iterates over the input's lines, until it ends or `close` is called. On a terminal, erases the typed lines that
   * `isTaken` accepts: the caller shows them in another form.
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
      if (!isTaken(line)) return;
      // The cursor is below the input now. The count may be a row short, if a wide character did not fit at the end of
      // a row: that leaves a row of the input rather than erasing a message.
      const width = Bun.stringWidth(typed.getPrompt() + line);
      void output(`${up(Math.max(1, Math.ceil(width / terminal.columns)))}${toFirstColumn}${clearBelow}`);
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
  print(...lines: readonly string[]): Promise<void> {
    const { output, columns } = this.streams;
    const rows = columns === undefined ? lines : lines.flatMap((line) => rowsOf(line, columns()));
    const text = rows.map((row) => `${row}\n`).join("");
    if (!this.isTyping) return output(text);
    const above = this.typed?.getCursorPos().rows ?? 0;
    // readline moves as many rows up as the cursor was below the first row, and draws from there.
    const taken = output(`${up(above)}${toFirstColumn}${clearBelow}${text}${"\n".repeat(above)}`);
    this.typed?.prompt(true);
    return taken;
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
