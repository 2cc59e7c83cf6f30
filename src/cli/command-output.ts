// What the commands that print and end write: the only way to standard output and standard error beside the server's
// (standard-streams.ts). Whatever foreign text a line holds (a name, an error message of another process, a key of a file),
// it moves no cursor and forges no line.
//
// `roost nodes | head -1` ends without a stack trace, and a full disk is a failure that is told.

import { printable } from "../base/printable.ts";
import { codeOf } from "./failure.ts";

/** Status of a command whose output has no reader: that of a process ended by SIGPIPE, in a shell. */
const exitPipe = 141;

/** Moves to the top left corner and clears the screen. */
const clearScreen = "\u001b[H\u001b[2J\u001b[3J";
/** Moves to the beginning of the line and clears it. */
const clearLine = "\r\u001b[K";

/** Prints lines on standard output. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${printable(line)}\n`).join(""));
}

/** Shows lines on standard output: on a terminal in the place of all that is there, else below it. */
export function showLines(lines: readonly string[]): void {
  if (process.stdout.isTTY) process.stdout.write(clearScreen);
  printLines(lines);
}

/** Prints the help: the program's own text, with colours where a terminal shows them. */
export function printHelp(usage: string): void {
  process.stdout.write(`${process.stdout.isTTY ? usage : Bun.stripANSI(usage)}\n`);
}

/** A sentence on standard error. */
export function say(sentence: string): void {
  process.stderr.write(saidLine(sentence));
}

/** A sentence as standard error gets it, with its newline. */
export function saidLine(sentence: string): string {
  return `roost: ${printable(sentence)}\n`;
}

/** True where somebody looks at standard output, which is drawn on; else it is a pipe or a file. */
export function isWatched(): boolean {
  return process.stdout.isTTY;
}

/** Draws a line of progress over the last one, if standard error is a terminal; '' takes it away. */
export function draw(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${clearLine}${printable(line)}`);
}

/** The streams of a conversation, whose lines are made printable by whoever writes them; and whether a person types it. */
export function standardStreams(): {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly errors: NodeJS.WritableStream;
  readonly isTerminal: boolean;
} {
  const { stdin, stdout, stderr } = process;
  return { input: stdin, output: stdout, errors: stderr, isTerminal: stdin.isTTY && stdout.isTTY };
}

/** A line above the line that a person is typing, whose text then has to be shown again. */
export function lineAbove(text: string): string {
  return `${clearLine}${text}\n`;
}

/**
 * For commands that print and end: a reader that has gone ends them quietly, any other failure of standard output with a
 * sentence. Returns a function that waits until all is written.
 */
export function endWithOutput(): () => Promise<void> {
  process.stderr.on("error", () => {
    // There is nowhere left to say it.
  });
  process.stdout.on("error", (error) => {
    if (codeOf(error) === "EPIPE") process.exit(exitPipe);
    process.stderr.write(saidLine(`cannot write to standard output: ${error.message}`), () => process.exit(1));
  });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.write("", () => resolve());
    await promise;
    // The error event of a write that failed comes in a later turn.
    await new Promise((next) => setImmediate(next));
  };
}
