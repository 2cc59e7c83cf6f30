// An answer on its way to a socket. The socket takes what it takes and keeps nothing; what it does not take waits here, and
// is counted. Parts are sent as they are, uncopied: several answers may share them.

import type { Socket } from "bun";
import type { ConnectionHost } from "./connection-host.ts";
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
  /** The socket has taken all of the answer. */
  sent(): void;
  /** The socket takes nothing any more, and perhaps never reports its end. */
  terminate(): void;
  contain(work: () => void): void;
}

type Host<Owner> = Pick<
  ConnectionHost<Owner>,
  "date" | "entered" | "hold" | "mayHold" | "release" | "turnBytesLeft" | "waitForTurn"
>;

export class AnswerWriter<Owner extends AnswerOwner> {
  /** Bytes that the socket has taken since somebody looked last. */
  bytesSent = 0;
  private readonly socket: Pick<Socket, "write">;
  private readonly owner: Owner;
  private readonly host: Host<Owner>;
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

  constructor(socket: Pick<Socket, "write">, owner: Owner, host: Host<Owner>) {
    this.socket = socket;
    this.owner = owner;
    this.host = host;
  }

  /** Returns the answer to send in place of `answer`: itself, unless a bound was reached. */
  permitted(answer: HttpAnswer): HttpAnswer {
    const { body, instead } = answer;
    if (instead === undefined || !isParts(body) || lengthOf(body) <= smallBytes || this.host.mayHold(this.owner, body))
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
      if (isLong && this.host.turnBytesLeft <= 0) {
        this.hold();
        this.host.waitForTurn(this.owner);
        return;
      }
      const part = this.outgoing[this.outgoingAt] ?? noBytes;
      const left = part.length - this.offset;
      const written = left === 0 ? 0 : this.socket.write(part, this.offset, left);
      if (written < 0) {
        this.owner.terminate();
        return;
      }
      this.offset += written;
      this.bytesSent += written;
      if (isLong) this.host.turnBytesLeft -= written;
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
    const shape = { isCurrent, isKept, date: this.host.date() };
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
    // Starts its deadline.
    this.host.entered(this.owner);
  }

  /** What is being sent waits: it is counted from now on. */
  private hold(): void {
    this.wait();
    if (this.isHeld) return;
    this.isHeld = true;
    this.host.hold(this.owner, this.outgoing);
  }

  private unhold(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.host.release(this.owner, this.outgoing);
  }
}

function lengthOf(parts: BodyParts): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
