// An answer on its way to a socket. The socket takes what it takes and keeps nothing; what it does not take waits here, and
// is counted. Parts are sent as they are, uncopied: several answers may share them.

import type { Socket } from "bun";
import { answerHead, type BodyParts, type HttpAnswer, isParts } from "./http-answer.ts";

/** Answers up to this length are sent in one write, and never refused for those that wait. */
const smallBytes = 64 * 1024;
const noBytes = Buffer.alloc(0);
const lastChunk = Buffer.from("0\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

/** How an answer is framed, which is the request's to say. */
export interface AnswerFrame {
  /** To a HEAD: without its body. */
  readonly isHead: boolean;
  /** To a request of HTTP/1.1, which understands chunks. */
  readonly isCurrent: boolean;
  /** The connection stays open. */
  readonly isKept: boolean;
}

/** Whose answers are written. */
export interface AnswerOwner {
  /** True if an answer's parts may wait here; else a bound was reached. */
  mayHold(parts: BodyParts): boolean;
  /** The answer waits for its reader: from now on it has a deadline. Called once an answer. */
  waits(): void;
  hold(parts: BodyParts): void;
  release(parts: BodyParts): void;
  /** True while long answers may write in this turn of the event loop. */
  mayWrite(): boolean;
  wrote(bytes: number): void;
  /** Calls `transmit` in a later turn. */
  waitForTurn(): void;
  /** The socket has taken all of the answer. */
  sent(): void;
  /** The socket takes nothing any more; it may never tell that it is closed. */
  broken(): void;
  /** The time as a field Date shows it. */
  date(): string;
  contain(work: () => void): void;
}

export class AnswerWriter {
  /** Bytes that the socket has taken since somebody looked last. */
  bytesSent = 0;
  private readonly socket: Pick<Socket, "write">;
  private readonly owner: AnswerOwner;
  private answer: HttpAnswer | undefined;
  private isChunked = false;
  private isWaiting = false;
  /** What is being sent, from `outgoing[outgoingAt]`, of which `offset` bytes are out. */
  private outgoing: BodyParts = [];
  private outgoingAt = 0;
  private offset = 0;
  private isHeld = false;
  private pieces: Iterator<Uint8Array, undefined> | undefined;
  /** The next piece is made in a turn to come. */
  private isPiecePlanned = false;

  constructor(socket: Pick<Socket, "write">, owner: AnswerOwner) {
    this.socket = socket;
    this.owner = owner;
  }

  /** Returns the answer to send in place of `answer`: itself, unless a bound was reached. */
  permitted(answer: HttpAnswer): HttpAnswer {
    const { body, instead } = answer;
    if (instead === undefined || !isParts(body) || lengthOf(body) <= smallBytes || this.owner.mayHold(body))
      return answer;
    answer.ended?.();
    return instead;
  }

  /** Begins to send. */
  begin(answer: HttpAnswer, frame: AnswerFrame): void {
    this.answer = answer;
    this.isWaiting = false;
    this.arrange(answer, frame);
    this.transmit();
  }

  /** Writes until the socket takes no more. To call it when nothing is to be written does nothing. */
  transmit(): void {
    if (this.isPiecePlanned) return;
    const isLong = this.outgoing.length > 1;
    while (this.outgoingAt < this.outgoing.length) {
      if (isLong && !this.owner.mayWrite()) {
        this.hold();
        this.owner.waitForTurn();
        return;
      }
      const part = this.outgoing[this.outgoingAt] ?? noBytes;
      const left = part.length - this.offset;
      const written = left === 0 ? 0 : this.socket.write(part, this.offset, left);
      if (written < 0) {
        this.owner.broken();
        return;
      }
      this.offset += written;
      this.bytesSent += written;
      if (isLong) this.owner.wrote(written);
      if (written < left) {
        this.hold();
        return;
      }
      this.outgoingAt++;
      this.offset = 0;
    }
    this.unhold();
    if (this.pieces === undefined) this.owner.sent();
    else {
      this.wait();
      this.isPiecePlanned = true;
      // In a turn of its own: a reader that is fast enough would keep everybody else waiting.
      setImmediate(() => this.owner.contain(() => this.sendPiece()));
    }
  }

  /** The answer is sent, or given up. */
  end(): void {
    this.unhold();
    this.outgoing = [];
    this.pieces = undefined;
    const { answer } = this;
    this.answer = undefined;
    answer?.ended?.();
  }

  private arrange(answer: HttpAnswer, { isHead, isCurrent, isKept }: AnswerFrame): void {
    const { body } = answer;
    const shape = { isCurrent, isKept, date: this.owner.date() };
    this.isChunked = isCurrent;
    this.outgoingAt = 0;
    this.offset = 0;
    if (typeof body === "string") {
      const head = answerHead(answer, { ...shape, length: Buffer.byteLength(body) });
      this.outgoing = [Buffer.from(isHead ? head : head + body)];
    } else if (isParts(body)) {
      const length = lengthOf(body);
      const head = Buffer.from(answerHead(answer, { ...shape, length }));
      if (isHead) this.outgoing = [head];
      else this.outgoing = length <= smallBytes ? [Buffer.concat([head, ...body])] : [head, ...body];
    } else {
      this.outgoing = [Buffer.from(answerHead(answer, { ...shape, length: undefined }))];
      if (!isHead) this.pieces = body;
    }
  }

  private sendPiece(): void {
    this.isPiecePlanned = false;
    const { pieces } = this;
    if (pieces === undefined) return;
    // What it throws ends the connection, so that nobody takes the answer for whole.
    const { value, done } = pieces.next();
    if (done === true) {
      this.pieces = undefined;
      this.outgoing = this.isChunked ? [lastChunk] : [];
    } else if (value.length === 0) this.outgoing = [];
    else if (this.isChunked)
      this.outgoing = [Buffer.concat([Buffer.from(`${value.length.toString(16)}\r\n`), value, lineEnd])];
    else this.outgoing = [value];
    this.outgoingAt = 0;
    this.offset = 0;
    this.transmit();
  }

  private wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.owner.waits();
  }

  /** What is being sent waits: it is counted from now on. */
  private hold(): void {
    this.wait();
    if (this.isHeld) return;
    this.isHeld = true;
    this.owner.hold(this.outgoing);
  }

  private unhold(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.owner.release(this.outgoing);
  }
}

function lengthOf(parts: BodyParts): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
