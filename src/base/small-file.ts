// Reads a whole file that an operator named, in bounded time and memory. It must be a regular file or a pipe, such as
// Bash's <(command). Devices, folders, sockets, pipes without a writer, files that are too large or not UTF-8 are
// refused with a sentence.

import { kindOf } from "./file-kind.ts";
import { reasonOf } from "./reason-of.ts";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** The time limits for a pipe without a writer, and for one whose writer is slow. */
const writerMsMax = 1_000;
const pipeMsMax = 10_000;
const pollMs = 5;
const chunkBytes = 64 * 1024;

/** A file that cannot be read. The message names the file, the reason and what is expected. */
export class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
}

interface SmallFileOptions {
  /** Longer files are refused after at most one chunk more. */
  readonly bytesMax: number;
  /** False refuses a pipe that has nothing to read yet: a process that serves does not wait. */
  readonly waits: boolean;
}

interface SmallFile {
  /** Without a byte order mark. */
  readonly text: string;
  /** Of the file that was read, whatever is at the path by now. */
  readonly stats: Stats;
}

/**
 * Reads a file of UTF-8 text. Blocks for up to 10 s while a pipe's writer is slow.
 * @throws UnreadableFile
 */
export function readSmallFile(path: string, options: SmallFileOptions): SmallFile {
  const { file, stats } = openReadable(path, "a file or a pipe");
  try {
    return { text: decoded(readWhole(file, path, options), path), stats };
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a regular file or, where `expected` allows it, a pipe, without waiting. The caller closes the descriptor.
 * @throws UnreadableFile
 */
export function openReadable(path: string, expected: "a file" | "a file or a pipe"): { file: number; stats: Stats } {
  // Check before opening: opening a device can act, for example rewind a tape.
  const refusal = attempt(path, () => kindRefused(statSync(path), expected));
  if (refusal !== undefined) throw new UnreadableFile(`cannot read ${path}: ${refusal}`);
  const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  const stats = fstatSync(file);
  const changed = kindRefused(stats, expected);
  if (changed === undefined) return { file, stats };
  closeSync(file);
  throw new UnreadableFile(`cannot read ${path}: ${changed}`);
}

/** Reports whether a text can be a path: the system ends paths at a NUL. */
export function isPath(path: string): boolean {
  return path !== "" && !path.includes("\0");
}

/** Runs a system call and turns its error into a sentence. */
function attempt<Value>(path: string, call: () => Value): Value {
  if (!isPath(path)) throw new UnreadableFile(`cannot read ${JSON.stringify(path)}: not a path`);
  try {
    return call();
  } catch (cause) {
    throw new UnreadableFile(`cannot read ${path}: ${whyNot(cause)}`, { cause });
  }
}

/** By the system's error codes. */
const reasons: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", "no such file"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ENOTDIR", "a part of its path is not a folder"],
  ["ELOOP", "its links form a circle"],
]);

function whyNot(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return reasons.get(code) ?? reasonOf(cause);
}

/** Returns why files of this kind are refused, or undefined. */
function kindRefused(stats: Stats, expected: "a file" | "a file or a pipe"): string | undefined {
  const kind = kindOf(stats);
  if (kind === "file" || (kind === "pipe" && expected === "a file or a pipe")) return undefined;
  return `it is a ${kind}; name ${expected}`;
}

function readWhole(file: number, path: string, { bytesMax, waits }: SmallFileOptions): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  const isPipe = fstatSync(file).isFIFO();
  const beganMs = performance.now();
  for (;;) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const count = readSome(file, path, chunk);
    if (count > 0) {
      chunks.push(chunk.subarray(0, count));
      length += count;
      if (length > bytesMax)
        throw new UnreadableFile(`cannot read ${path}: it is longer than ${bytesMax} bytes; name a smaller file`);
      continue;
    }
    // The end of a file, or of a pipe that its writer has closed; a writer may still open an empty one.
    if (count === 0 && (!isPipe || length > 0)) return Buffer.concat(chunks, length);
    const limitMs = waits ? (count === 0 ? writerMsMax : pipeMsMax) : 0;
    if (performance.now() - beganMs >= limitMs)
      throw new UnreadableFile(`cannot read ${path}: ${idleSentence(count === 0, limitMs)}`);
    Bun.sleepSync(pollMs);
  }
}

/** Describes a pipe from which nothing more came within the limit. */
function idleSentence(hasNoWriter: boolean, limitMs: number): string {
  const limit = limitMs === 0 ? "at once" : `within ${limitMs / 1_000} s`;
  const reason = hasNoWriter ? "nobody writes to the pipe" : "its writer has not closed it";
  return `nothing more came ${limit}, and ${reason}`;
}

/** Returns the number of bytes read: 0 at the end, -1 if none are available yet. */
function readSome(file: number, path: string, chunk: Buffer): number {
  try {
    return readSync(file, chunk, 0, chunk.length, null);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EAGAIN") return -1;
    throw new UnreadableFile(`cannot read ${path}: ${whyNot(cause)}`, { cause });
  }
}

function decoded(bytes: Buffer, path: string): string {
  const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  // Without a mark: every second byte of Latin text is 0.
  const isBareUtf16 = bytes.length >= 4 && ((bytes[0] === 0 && bytes[2] === 0) || (bytes[1] === 0 && bytes[3] === 0));
  if (isUtf16 || (isBareUtf16 && !bytes.every((byte) => byte === 0)))
    throw new UnreadableFile(`cannot read ${path}: it is UTF-16 text; save it as UTF-8`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UnreadableFile(`cannot read ${path}: it is not UTF-8 text`, { cause });
  }
}
