// Where a conversation is shown. On a terminal a line goes above what the person is typing, which may take several
// rows: they are cleared from the first one, the line is printed, and the input is drawn again below it. Else lines are
// written as they are, and what is said goes to standard error.
//
// `print` resolves when the output has taken the line.

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
  /** How wide the output is, if somebody looks at it; undefined: no line is broken. */
  readonly columns?: (() => number) | undefined;
  /** Draws on the output what a person types; undefined: nobody types or nobody looks. */
  readonly terminal: TerminalStream | undefined;
}

export class Screen {
  private readonly streams: Streams;
  /** Made when the conversation begins: a line that is read before anybody listens would be lost. */
  private typed: Interface | undefined;
  /** An input line stands on a terminal. */
  private isTyping = false;
  private isClosed = false;

  constructor(streams: Streams) {
    this.streams = streams;
  }

  get isTerminal(): boolean {
    return this.streams.terminal !== undefined;
  }

  /**
   * The lines of the input, until it ends or `close` is called. On a terminal a typed line that `isTaken` accepts is
   * wiped away: the caller shows it in another form.
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
      // The cursor is below the input by now. Rows that a wide character at the end of a row adds are not counted:
      // rather too little is wiped than a message.
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

  /** Shows the input line with this before it. */
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
    // Nothing is drawn again once the input has ended.
    if (!this.isTyping) return output(text);
    const above = this.typed?.getCursorPos().rows ?? 0;
    // The interface goes as many rows up as the cursor was below its first row, and draws from there.
    const taken = output(`${up(above)}${toFirstColumn}${clearBelow}${text}${"\n".repeat(above)}`);
    this.typed?.prompt(true);
    return taken;
  }

  /** Says what went wrong. */
  complain(sentence: string): void {
    this.tell("!", sentence);
  }

  /** Says how things stand. */
  note(sentence: string): void {
    this.tell("*", sentence);
  }

  private tell(mark: string, sentence: string): void {
    if (this.isTerminal) void this.print(`${mark} ${printable(sentence)}`);
    else void this.streams.errors(saidLine(sentence));
  }
}
