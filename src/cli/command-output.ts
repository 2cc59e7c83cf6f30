// The output of commands that print and end; the server writes with standard-streams.ts. Lines are made printable:
// foreign text in them (a name, an error of another process, a key of a file) cannot move the cursor or forge a line.
//
// A command ends when the operating system has accepted all output (output-queue.ts). `roost nodes | head -1` ends
// without a stack trace, and a full disk is reported. `process.stdout` is not used: it calls back before a pipe has
// accepted the output (Bun 1.4.5), so an exit would lose some.

import { Writable } from "node:stream";
import { isatty } from "node:tty";
import { printable } from "../base/printable.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { OutputQueue } from "./output-queue.ts";
import { sinkOf, type StandardSink } from "./standard-streams.ts";

/** The status of a command whose output has no reader: that of a process ended by SIGPIPE, as shells report it. */
const exitPipe = 141;

/** The longest wait for standard error at the end, in milliseconds. */
const errorsMsMax = 500;

/** Moves to the top left corner and clears the screen. */
const clearScreen = "\u001b[H\u001b[2J\u001b[3J";
/** Moves to the beginning of the line and clears it. */
const clearLine = "\r\u001b[K";

interface Standard {
  readonly sink: StandardSink;
  readonly queue: OutputQueue;
}

/** Opened at the first write: a server does not use them. */
let output: Standard | undefined;
let errors: Standard | undefined;

function standardOutput(): Standard {
  if (output !== undefined) return output;
  const sink = sinkOf(1);
  output = { sink, queue: new OutputQueue(sink, endWithoutOutput) };
  return output;
}

function standardError(): Standard {
  if (errors !== undefined) return errors;
  const sink = sinkOf(2);
  // There is nowhere left to report a failure.
  errors = { sink, queue: new OutputQueue(sink, () => undefined) };
  return errors;
}

/** Ends the command: quietly if the reader has gone, else with a sentence. */
function endWithoutOutput(error: unknown): void {
  if (codeOf(error) === "EPIPE") process.exit(exitPipe);
  say(`cannot write to standard output: ${sentenceOf(error)}`);
  process.exit(1);
}

/** Prints lines on standard output; resolves when the system has accepted them. */
export function printLines(lines: readonly string[]): Promise<void> {
  return standardOutput().queue.write(lines.map((line) => `${printable(line)}\n`).join(""));
}

/** Clears the screen if standard output is a terminal. */
export function clearLines(): void {
  if (isTerminal()) void standardOutput().queue.write(clearScreen);
}

/** Prints the help, which is the program's own text. */
export function printHelp(text: string): Promise<void> {
  return standardOutput().queue.write(`${text}\n`);
}

/** Prints a sentence on standard error. */
export function say(sentence: string): void {
  void standardError().queue.write(saidLine(sentence));
}

/** Formats a sentence for standard error, with a newline. */
export function saidLine(sentence: string): string {
  return `roost: ${printable(sentence)}\n`;
}

/** Reports whether standard output is a terminal. */
export function isTerminal(): boolean {
  return isatty(1);
}

/** Ends the command quietly if standard output has no reader. For a command that may not write for a while. */
export function endWithoutReader(): void {
  if (!standardOutput().sink.hasReader()) process.exit(exitPipe);
}

/** Draws a line of progress over the previous one, if standard error is a terminal; '' removes it. */
export function draw(line: string): void {
  if (isatty(2)) void standardError().queue.write(`${clearLine}${printable(line)}`);
}

/** The width of a terminal that does not report its width. */
const unknownColumns = 80;

/** Writes text to a stream; resolves when the system has accepted it. */
export type WriteText = (text: string) => Promise<void>;

/** A stream to a terminal, with the terminal's size; `rows` is 0 if it is unknown. */
export type TerminalStream = NodeJS.WritableStream & { readonly columns: number; readonly rows: number };

/** Returns the streams of a conversation. The caller makes its lines printable. */
export function standardStreams(): {
  readonly input: NodeJS.ReadableStream;
  readonly output: WriteText;
  readonly errors: WriteText;
  /** The width of the output; undefined if it is not a terminal, so that lines are not wrapped. */
  readonly columns: (() => number) | undefined;
  /** The output for readline; undefined unless both input and output are terminals that move the cursor. */
  readonly terminal: TerminalStream | undefined;
  /** Whether text may be bold. */
  readonly isStyled: boolean;
  /** Stops this process, as Ctrl-Z does, with the terminal as it was; returns when it goes on. */
  readonly suspend: () => void;
} {
  const write: WriteText = (text) => standardOutput().queue.write(text);
  return {
    input: process.stdin,
    output: write,
    errors: (text) => standardError().queue.write(text),
    columns: isTerminal() ? terminalColumns : undefined,
    terminal: isatty(0) && isTerminal() && !isDumbTerminal() ? new Terminal(write) : undefined,
    // https://no-color.org
    isStyled: isTerminal() && !isDumbTerminal() && (process.env["NO_COLOR"] ?? "") === "",
    suspend,
  };
}

/** Reports whether the terminal is one that cannot move its cursor. */
export function isDumbTerminal(): boolean {
  return isatty(1) && process.env["TERM"] === "dumb";
}

function suspend(): void {
  process.stdin.setRawMode(false);
  // Returns when the process goes on; at once if nobody could let it go on.
  process.kill(process.pid, "SIGTSTP");
  process.stdin.setRawMode(true);
}

/** Serial lines, and terminals that programs create, report 0 if they do not know. */
function terminalColumns(): number {
  return process.stdout.columns || unknownColumns;
}

/** Sends what readline draws through the same queue as the lines, in order. */
class Terminal extends Writable {
  readonly isTTY = true;
  private readonly text: WriteText;

  constructor(text: WriteText) {
    super({ decodeStrings: false });
    this.text = text;
    process.stdout.on("resize", () => this.emit("resize"));
    process.on("SIGCONT", () => this.emit("continue"));
  }

  get columns(): number {
    return terminalColumns();
  }

  get rows(): number {
    return process.stdout.rows || 0;
  }

  override _write(chunk: string | Buffer, _encoding: string, callback: () => void): void {
    // Not later: what readline draws would wait here while lines, which are not drawn by it, overtake it.
    void this.text(chunk.toString());
    callback();
  }
}

/** Resolves when the system has accepted all that was written to standard output and standard error. */
export async function written(): Promise<void> {
  await output?.queue.drained();
  // Standard error may stay full, or have failed: the wait is bounded.
  if (errors !== undefined) await Promise.race([errors.queue.drained(), Bun.sleep(errorsMsMax)]);
}
