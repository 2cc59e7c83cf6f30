// What the commands that print and end write: the only way to standard output and standard error beside the server's
// (standard-streams.ts). Whatever foreign text a line holds (a name, an error message of another process, a key of a
// file), it moves no cursor and forges no line.
//
// Nothing counts as written before the operating system has taken it (output-queue.ts); the command's end waits for
// that.
// `roost nodes | head -1` ends without a stack trace, and a full disk is a failure that is told. `process.stdout` is
// not used: it calls back before a pipe has taken what was written (Bun 1.4.5), which an exit then cuts off.

import { Writable } from "node:stream";
import { isatty } from "node:tty";
import { printable } from "../base/printable.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { OutputQueue } from "./output-queue.ts";
import { sinkOf, type StandardSink } from "./standard-streams.ts";

/** Status of a command whose output has no reader: that of a process ended by SIGPIPE, in a shell. */
const exitPipe = 141;

/** How long the end waits for standard error, in milliseconds. */
const errorsMsMax = 500;

/** Moves to the top left corner and clears the screen. */
const clearScreen = "\u001b[H\u001b[2J\u001b[3J";
/** Moves to the beginning of the line and clears it. */
const clearLine = "\r\u001b[K";

interface Standard {
  readonly sink: StandardSink;
  readonly queue: OutputQueue;
}

/** Opened when they are first written to: a server writes otherwise. */
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
  // There is nowhere left to say it.
  errors = { sink, queue: new OutputQueue(sink, () => undefined) };
  return errors;
}

/** A reader that has gone ends the command quietly, any other failure of standard output with a sentence. */
function endWithoutOutput(error: unknown): void {
  if (codeOf(error) === "EPIPE") process.exit(exitPipe);
  say(`cannot write to standard output: ${sentenceOf(error)}`);
  process.exit(1);
}

/** Prints lines on standard output; resolves when it has taken them. */
export function printLines(lines: readonly string[]): Promise<void> {
  return standardOutput().queue.write(lines.map((line) => `${printable(line)}\n`).join(""));
}

/** What is printed next takes the place of all that is on a terminal; elsewhere it comes below it. */
export function clearLines(): void {
  if (isWatched()) void standardOutput().queue.write(clearScreen);
}

/** Prints the help: the program's own text. */
export function printHelp(text: string): Promise<void> {
  return standardOutput().queue.write(`${text}\n`);
}

/** A sentence on standard error. */
export function say(sentence: string): void {
  void standardError().queue.write(saidLine(sentence));
}

/** A sentence as standard error gets it, with its newline. */
export function saidLine(sentence: string): string {
  return `roost: ${printable(sentence)}\n`;
}

/** True where somebody looks at standard output, which is drawn on; else it is a pipe or a file. */
export function isWatched(): boolean {
  return isatty(1);
}

/** For a command that goes on without writing: ends it quietly when nobody can read what it will write. */
export function endWithoutReader(): void {
  if (!standardOutput().sink.hasReader()) process.exit(exitPipe);
}

/** Draws a line of progress over the last one, if standard error is a terminal; '' takes it away. */
export function draw(line: string): void {
  if (isatty(2)) void standardError().queue.write(`${clearLine}${printable(line)}`);
}

/** A terminal that does not say how wide it is has so many columns. */
const unknownColumns = 80;

/** Text to a stream; resolves when the stream has taken it. */
export type WriteText = (text: string) => Promise<void>;

/** A stream to a terminal, and how wide the terminal is. */
export type TerminalStream = NodeJS.WritableStream & { readonly columns: number };

/** The streams of a conversation, whose lines are made printable by whoever writes them. */
export function standardStreams(): {
  readonly input: NodeJS.ReadableStream;
  readonly output: WriteText;
  readonly errors: WriteText;
  /** How wide the output is; undefined: no terminal, and no line is broken. */
  readonly columns: (() => number) | undefined;
  /** The output once more, for who draws on it; undefined unless a person types and looks. */
  readonly terminal: TerminalStream | undefined;
} {
  const write: WriteText = (text) => standardOutput().queue.write(text);
  return {
    input: process.stdin,
    output: write,
    errors: (text) => standardError().queue.write(text),
    columns: isWatched() ? terminalColumns : undefined,
    terminal: isatty(0) && isWatched() ? new Terminal(write) : undefined,
  };
}

/** A serial line, or a terminal that a program makes, says 0: it does not know. */
function terminalColumns(): number {
  return process.stdout.columns || unknownColumns;
}

/** All that is drawn goes the way of all that is printed, and in its order. */
class Terminal extends Writable {
  readonly isTTY = true;
  private readonly text: WriteText;

  constructor(text: WriteText) {
    super({ decodeStrings: false });
    this.text = text;
    process.stdout.on("resize", () => this.emit("resize"));
  }

  get columns(): number {
    return terminalColumns();
  }

  override _write(chunk: string | Buffer, _encoding: string, callback: () => void): void {
    void this.text(chunk.toString()).then(callback);
  }
}

/** Resolves when standard output and standard error have taken all that was written. */
export async function written(): Promise<void> {
  await output?.queue.drained();
  // Standard error may be full for ever, or have failed: it holds nobody up.
  if (errors !== undefined) await Promise.race([errors.queue.drained(), Bun.sleep(errorsMsMax)]);
}
