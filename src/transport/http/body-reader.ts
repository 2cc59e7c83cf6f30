// Reads the body of a request: of a declared length, or in chunks (RFC 9112, section 7.1). Bytes beyond the bound are
// neither kept nor waited for.
//
// Memory: a piece is a view of its read if it is most of it, else a copy; `bytes()` copies the pieces once.

/** A line of a chunked body: the length of a chunk in hexadecimal, and extensions, which are ignored. */
const lineBytesMax = 1024;
const trailerLinesMax = 20;
/** Pieces up to this length are joined. */
const smallBytes = 4_096;

type BodyState =
  /** More bytes are needed. */
  "open" | "complete" | "too-long" | "malformed";

type Expected = "length" | "data" | "data-end" | "trailer";

const lineFeed = 0x0a;

export class BodyReader {
  state: BodyState;
  /** Bytes kept. */
  bytesKept = 0;
  private readonly bytesMax: number;
  private readonly pieces: Buffer[] = [];
  /** The small pieces after those, joined in its first `joinedBytes` bytes. */
  private joined: Buffer | undefined;
  private joinedBytes = 0;
  private readonly isChunked: boolean;
  /** Bytes left of the body, or of this chunk. */
  private bytesLeft: number;
  private expected: Expected = "length";
  private line = "";
  private trailerLines = 0;

  /** `declared` as in `RequestHead.body`. */
  constructor(declared: number | "chunked", bytesMax: number) {
    this.bytesMax = bytesMax;
    this.isChunked = declared === "chunked";
    this.bytesLeft = declared === "chunked" ? 0 : declared;
    this.state = this.isChunked
      ? "open"
      : this.bytesLeft > bytesMax
        ? "too-long"
        : this.bytesLeft === 0
          ? "complete"
          : "open";
  }

  /** Reads from `chunk[start]` on. Returns where it stopped: the end of `chunk`, or the end of the body. */
  push(chunk: Buffer, start: number): number {
    let at = start;
    while (this.state === "open" && at < chunk.length) {
      if (this.isChunked && this.expected !== "data") {
        at = this.readLine(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.bytesLeft);
      this.keep(chunk, at, end);
      this.bytesLeft -= end - at;
      at = end;
      if (this.bytesLeft > 0) continue;
      if (this.isChunked) this.expected = "data-end";
      else this.state = "complete";
    }
    return at;
  }

  /** The whole body, once it is complete. */
  bytes(): Buffer {
    this.endJoined();
    const [only] = this.pieces;
    return this.pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.pieces, this.bytesKept);
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.bytesKept += end - start;
    const piece = chunk.subarray(start, end);
    if (this.joins(piece)) return;
    this.endJoined();
    // A small view would keep all of a large read.
    this.pieces.push(2 * piece.length < chunk.length ? Buffer.from(piece) : piece);
  }

  /** Joins a small piece to the small ones before it: a body sent byte by byte would cost an object for each. */
  private joins(piece: Buffer): boolean {
    const before = this.joined === undefined ? this.pieces.at(-1) : undefined;
    const beforeBytes = before?.length ?? this.joinedBytes;
    if (beforeBytes === 0 || beforeBytes + piece.length > smallBytes) return false;
    this.joined ??= Buffer.allocUnsafe(smallBytes);
    if (before !== undefined) {
      before.copy(this.joined);
      this.pieces.pop();
    }
    piece.copy(this.joined, beforeBytes);
    this.joinedBytes = beforeBytes + piece.length;
    return true;
  }

  private endJoined(): void {
    if (this.joined === undefined) return;
    this.pieces.push(this.joined.subarray(0, this.joinedBytes));
    this.joined = undefined;
    this.joinedBytes = 0;
  }

  private readLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(lineFeed, at);
    const end = found === -1 ? chunk.length : found;
    if (this.line.length + end - at > lineBytesMax) {
      this.state = "malformed";
      return at;
    }
    this.line += chunk.toString("latin1", at, end);
    if (found === -1) return end;
    const line = this.line;
    this.line = "";
    if (line.endsWith("\r")) this.lineRead(line.slice(0, -1));
    else this.state = "malformed";
    return end + 1;
  }

  private lineRead(line: string): void {
    if (this.expected === "trailer") {
      if (line === "") this.state = "complete";
      else if (++this.trailerLines > trailerLinesMax) this.state = "malformed";
      return;
    }
    if (this.expected === "data-end") {
      if (line === "") this.expected = "length";
      else this.state = "malformed";
      return;
    }
    const [, digits] = /^([0-9a-f]{1,8})(?:[ \t]*;.*)?$/i.exec(line) ?? [];
    if (digits === undefined) {
      this.state = "malformed";
      return;
    }
    this.bytesLeft = Number.parseInt(digits, 16);
    if (this.bytesKept + this.bytesLeft > this.bytesMax) this.state = "too-long";
    else this.expected = this.bytesLeft === 0 ? "trailer" : "data";
  }
}
