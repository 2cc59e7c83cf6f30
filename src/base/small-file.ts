// Reading a file that an operator names, whole, in bounded time and memory. It is a regular file or a pipe, such as Bash's
// <(command). A device, a folder, a socket, a pipe that nobody writes to, a file that is too large, or one that is not
// UTF-8 is refused with a sentence.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** A pipe that nobody has open for writing is given up after this long, one whose writer is slow after the other. */
const writerMsMax = 1_000;
const pipeMsMax = 10_000;
const pollMs = 5;
const chunkBytes = 64 * 1024;

/** A file that cannot be read; the message says which one, why, and what would be right. */
export class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
}

interface SmallFileOptions {
  /** A longer file is refused; at most one chunk more than this is read. */
  readonly bytesMax: number;
  /** False refuses a pipe that has nothing to read yet. A process that serves does not wait. */
  readonly waits: boolean;
}

interface SmallFile {
  /** Without a byte order mark. */
  readonly text: string;
  /** Of the file that was read, whatever is at the path now. */
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
  // Before it is opened: to open a device can do something, such as rewind a tape.
  const refusal = attempt(path, () => kindRefused(statSync(path), expected));
  if (refusal !== undefined) throw new UnreadableFile(`cannot read ${path}: ${refusal}`);
  const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  const stats = fstatSync(file);
  const changed = kindRefused(stats, expected);
  if (changed === undefined) return { file, stats };
  closeSync(file);
  throw new UnreadableFile(`cannot read ${path}: ${changed}`);
}

/** True when a path can be taken for a file's or folder's: the system ends it at a NUL. */
export function isPath(path: string): boolean {
  return path !== "" && !path.includes("\0");
}

/** Runs a call to the system; what it refuses becomes a sentence. */
function attempt<Value>(path: string, call: () => Value): Value {
  if (!isPath(path)) throw new UnreadableFile(`cannot read ${JSON.stringify(path)}: it is not a path`);
  try {
    return call();
  } catch (cause) {
    throw new UnreadableFile(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "ENOENT":
      return "no such file exists";
    case "EACCES":
    case "EPERM":
      return "this user has no permission to read it";
    case "ENOTDIR":
      return "a part of its path is not a folder";
    case "ELOOP":
      return "its links go round in a circle";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Why a file of this kind is not read; undefined if it is. */
function kindRefused(stats: Stats, expected: "a file" | "a file or a pipe"): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isFIFO()) return expected === "a file or a pipe" ? undefined : `it is a pipe; name ${expected}`;
  const kind = stats.isDirectory() ? "folder" : stats.isSocket() ? "socket" : "device";
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
    // The end of a file, or of a pipe whose writer has closed it. Before its first byte the writer may still be to come.
    if (count === 0 && (!isPipe || length > 0)) return Buffer.concat(chunks, length);
    const limitMs = waits ? (count === 0 ? writerMsMax : pipeMsMax) : 0;
    if (performance.now() - beganMs >= limitMs)
      throw new UnreadableFile(
        `cannot read ${path}: nothing more came ${limitMs === 0 ? "at once" : `within ${limitMs / 1_000} s`}, and ${count === 0 ? "nobody writes to the pipe" : "its writer has not closed it"}`,
      );
    Bun.sleepSync(pollMs);
  }
}

/** The bytes read: 0 at the end, -1 if there are none yet. */
function readSome(file: number, path: string, chunk: Buffer): number {
  try {
    return readSync(file, chunk, 0, chunk.length, null);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EAGAIN") return -1;
    throw new UnreadableFile(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
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
