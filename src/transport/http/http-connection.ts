// One connection of a client: requests one after the other, each answered before the next is read. Every phase except
// "answering" has a deadline, which the server watches.
//
// In:   the socket's `data` -> RequestReader: heads -> Exchange: the handler, a body.
// Out:  Exchange -> `send` -> AnswerWriter -> the socket.
//
// Memory: the server counts the bytes kept of unfinished requests; parts of answers are sent uncopied.

import { type AnswerOwner, AnswerWriter } from "./answer-writer.ts";
import type { ConnectionHost, Phase } from "./connection-host.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { type HttpAnswer, isParts, textAnswer } from "./http-answer.ts";
import type { HoldsHead } from "./long-heads.ts";
import type { RequestHead } from "./request-head.ts";
import { type RequestOwner, RequestReader } from "./request-reader.ts";
import type { HttpSocket, HttpSocketOwner } from "./secure-entry.ts";

const continueAnswer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
/** Bytes that a client may still send after the last answer. */
const lingeringBytesMax = 16 * 1024 * 1024;
/** The frame of an answer without a request. */
const unread = { isHead: false, isCurrent: true } as const;

export class HttpConnection implements AnswerOwner, ExchangeOwner, HttpSocketOwner, RequestOwner, HoldsHead {
  readonly remoteAddress: string;
  phase: Phase = "head";
  /** By the server's clock; Infinity for none. */
  deadlineMs = Infinity;
  readonly writer: AnswerWriter<HttpConnection>;
  /** Bytes kept of an unfinished request. */
  bytesKept = 0;
  isKept = true;
  hasFinished = false;
  socket: HttpSocket;
  private readonly host: ConnectionHost<HttpConnection>;
  private readonly reader: RequestReader<HttpConnection>;
  /** The request that is read or answered. */
  private exchange: Exchange<HttpConnection> | undefined;
  private isPaused = false;
  private lingeringBytes = 0;
  private handshakeBytes = 0;
  /** TLS has begun; its handshake is not done yet. */
  private isSecure = false;
  private isShaking = false;

  constructor(socket: HttpSocket, remoteAddress: string, host: ConnectionHost<HttpConnection>) {
    this.socket = socket;
    this.remoteAddress = remoteAddress;
    this.host = host;
    this.reader = new RequestReader(this, host);
    this.writer = new AnswerWriter(this, host);
  }

  /** Runs work of this connection, and ends the connection if it throws. */
  contain(work: () => void): void {
    try {
      work();
    } catch (bug) {
      this.host.bug(bug);
      this.terminate();
    }
  }

  // The socket.

  handshaking(bytes: number): void {
    if (this.phase === "closed") return;
    this.handshakeBytes += bytes;
    this.host.kept(this, bytes);
  }

  upgraded(socket: HttpSocket): void {
    this.socket = socket;
    this.isSecure = this.isShaking = true;
  }

  secured(): void {
    this.isShaking = false;
    this.forgetHandshake();
  }

  /** The socket's `data`. */
  received(chunk: Buffer): void {
    if (this.phase === "closed") return;
    if (this.phase === "lingering") {
      this.lingeringBytes += chunk.length;
      if (this.lingeringBytes > lingeringBytesMax) this.terminate();
      return;
    }
    if (this.isLongInComing) {
      this.terminate();
      return;
    }
    if (this.reader.isHeld || this.phase === "answering" || this.phase === "sending") {
      this.reader.keep(chunk);
      this.pause();
      return;
    }
    this.reader.read(chunk);
  }

  /** The socket's `drain`. */
  drained(): void {
    if (this.phase === "sending") this.writer.transmit();
  }

  /**
   * The socket's `end`: the client sends nothing more. Whole requests are still answered, but no answer that may take
   * long is waited for: a client that has closed both sides looks the same.
   */
  finished(): void {
    this.hasFinished = true;
    if (this.isLongInComing) this.exchange?.tellGone();
    else if (this.phase === "lingering" || this.reader.isWaiting) this.close();
  }

  /** The socket's `close`. */
  ended(): void {
    if (this.phase === "closed") return;
    this.enter("closed");
    this.forget();
    this.writer.end();
    this.exchange?.tellGone();
  }

  pause(): void {
    if (this.isPaused || this.phase === "closed") return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused || this.phase === "closed") return;
    this.isPaused = false;
    this.socket.resume();
  }

  // The phases.

  get isReading(): boolean {
    return this.phase === "idle" || this.phase === "head" || this.phase === "body";
  }

  get isLongInComing(): boolean {
    return this.exchange?.isLongInComing === true;
  }

  enter(phase: Phase): void {
    this.phase = phase;
    this.host.entered(this);
  }

  awaitMore(): void {
    if (this.hasFinished) this.close();
    else this.resume();
  }

  /** The deadline has passed. */
  expire(): void {
    const isUnfinished = (this.phase === "head" && !this.reader.isEmpty) || this.phase === "body";
    if (isUnfinished) this.refuse(408, "the request took too long");
    else this.close();
  }

  /** Takes no further request: ends now, unless a body is read or a request is answered. */
  leave(): void {
    this.isKept = false;
    if (this.phase === "idle" || this.phase === "head") this.close();
  }

  /** Tells a client that does not speak TLS what is wrong. */
  refusePlain(): void {
    this.refuse(400, "this port speaks HTTPS: begin the URL with https://");
  }

  /** Ends both sides. What the kernel has taken of an answer still goes out; what waits here is dropped. */
  close(): void {
    if (this.phase === "sending" || this.isShaking) {
      this.terminate();
      return;
    }
    if (this.phase === "closed") return;
    // After its own end, a socket of TLS waits for that of its peer, unless it has been shut down.
    if (this.isSecure) this.socket.shutdown();
    this.socket.end();
    this.ended();
  }

  /** Ends both sides at once: what the client has not read yet is lost. */
  terminate(): void {
    if (this.phase === "closed") return;
    this.socket.terminate();
    this.ended();
  }

  /**
   * Ends our side only: closing both with unread bytes of the client would reset the connection, and lose the answer.
   */
  private linger(): void {
    this.forget();
    this.enter("lingering");
    if (this.hasFinished) {
      this.close();
      return;
    }
    this.socket.shutdown();
    this.resume();
  }

  // Requests.

  begin(head: RequestHead, headBytes: number): void {
    this.isKept &&= head.isKept;
    this.exchange = new Exchange(head, this, this.host);
    this.exchange.begin(head, headBytes);
  }

  readBody(bytes: Buffer, at: number): number {
    return this.exchange?.readBody(bytes, at) ?? bytes.length;
  }

  sendContinue(): void {
    if (this.socket.write(continueAnswer) < continueAnswer.length) this.terminate();
  }

  goOn(): void {
    this.contain(() => this.reader.readKept());
  }

  forget(): void {
    this.forgetHandshake();
    this.reader.drop();
    this.exchange?.drop();
  }

  private forgetHandshake(): void {
    this.host.kept(this, -this.handshakeBytes);
    this.handshakeBytes = 0;
  }

  // Answers.

  refuse(status: number, sentence: string): void {
    this.isKept = false;
    this.forget();
    this.send(textAnswer(status, `${sentence}\n`), unread);
  }

  send(given: HttpAnswer, { isHead, isCurrent }: { readonly isHead: boolean; readonly isCurrent: boolean }): void {
    const answer = this.writer.permitted(given);
    const isEndless = typeof answer.body !== "string" && !isParts(answer.body);
    // HTTP/1.0 has no chunks: such a body ends with its connection.
    if (answer.isLast === true || (isEndless && !isCurrent)) this.isKept = false;
    this.phase = "sending";
    this.writer.begin(answer, { isHead, isCurrent, isKept: this.isKept });
  }

  sent(): void {
    this.writer.end();
    this.exchange = undefined;
    if (!this.isKept) {
      this.linger();
      return;
    }
    this.enter("idle");
    this.reader.next();
  }
}
