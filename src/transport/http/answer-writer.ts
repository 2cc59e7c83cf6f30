// Writes an answer to a socket. The socket takes what the kernel takes and keeps nothing; the rest waits here, and is
// counted. Parts are sent uncopied: several answers may share them.

import type { Socket } from "bun";
import type { ConnectionHost } from "./connection-host.ts";
import { answerHead, type BodyParts, type HttpAnswer, isParts } from "./http-answer.ts";

/** Answers up to this length are sent in one write, and never refused because of unread ones. */
const smallBytes = 64 * 1024;
const noBytes = Buffer.alloc(0);
const lastChunk = Buffer.from("0\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

/** How the request wants its answer framed. */
export interface AnswerFrame {
  /** The request is a HEAD: the answer has no body. */
  readonly isHead: boolean;
  /** The request is HTTP/1.1, whose answers may be chunked. */
  readonly isCurrent: boolean;
  /** The connection stays open. */
  readonly isKept: boolean;
}

/** The connection of the answers. */
export interface AnswerOwner {
  /** Another one once TLS has begun. */
  readonly socket: Pick<Socket, "write">;
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
  /** Bytes written since the server last reset this. */
  bytesSent = 0;
  private readonly owner: Owner;
  private readonly host: Host<Owner>;
  private answer: HttpAnswer | undefined;
  private isChunked = false;
  private isWaiting = false;
  /** The parts being sent, from `outgoing[outgoingAt]` on, whose first `offset` bytes are written. */
  private outgoing: BodyParts = [];
  private outgoingAt = 0;
  private offset = 0;
  private isHeld = false;
  private pieces: Iterator<Uint8Array, undefined> | undefined;
  /** The next piece is made in a later turn. */
  private isPiecePlanned = false;

  constructor(owner: Owner, host: Host<Owner>) {
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

  /** Writes until the socket takes no more. Does nothing if there is nothing to write. */
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
      const written = left === 0 ? 0 : this.owner.socket.write(part, this.offset, left);
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
      // In a turn of its own: a fast reader would keep all others waiting.
      setImmediate(() => this.owner.contain(() => this.sendPiece()));
    }
  }

  /** The answer is sent, or abandoned. */
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
    // An exception ends the connection, so that the client sees an incomplete answer.
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

  /** The rest waits for the socket, and is counted from now on. */
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
