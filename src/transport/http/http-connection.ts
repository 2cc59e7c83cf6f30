// One connection of a client: requests one after the other, each answered before the next is looked at. What comes
// meanwhile waits, unread as far as possible. A connection is in one phase at a time; each phase but that of being answered
// has a deadline, which its server watches.
//
// Memory: what is kept of an unfinished request is counted by the server; parts of answers are sent as they are, uncopied.

import type { Socket } from "bun";
import { BodyReader } from "./body-reader.ts";
import { type AnswerOwner, AnswerWriter } from "./answer-writer.ts";
import { type BodyParts, type HttpAnswer, isParts, textAnswer } from "./http-answer.ts";
import type { ConnectionHost, Phase } from "./connection-host.ts";
import type { HttpHandler, HttpRequest, WantsBody } from "./http-handler.ts";
import { PendingBytes } from "./pending-bytes.ts";
import { isBeginning, parseHead, type RequestHead } from "./request-head.ts";

const endOfHead = Buffer.from("\r\n\r\n");
const continueAnswer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
/** Requests that came together are answered in one turn up to this number. */
const requestsPerTurn = 32;
/** What a client may still send after its last answer. */
const lingeringBytesMax = 16 * 1024 * 1024;

export class HttpConnection implements AnswerOwner {
  readonly remoteAddress: string;
  phase: Phase = "head";
  /** By the server's clock; Infinity for none. */
  deadlineMs = Infinity;
  readonly writer: AnswerWriter;
  /** Bytes kept of an unfinished request. */
  bytesKept = 0;
  private readonly socket: Socket<HttpConnection | undefined>;
  private readonly host: ConnectionHost;
  /** The beginning of a request, or requests that wait. */
  private readonly pending = new PendingBytes();
  /** Where the end of the head is looked for next. */
  private scanFrom = 0;
  /** Of the request that is answered: its head itself may be long, and is not kept. */
  private isHead = false;
  private isCurrent = true;
  private body: BodyReader | undefined;
  private wanted: WantsBody | undefined;
  private gone: (() => void) | undefined;
  private isKept = true;
  private isPaused = false;
  /** The client has ended its side: nothing more comes. */
  private hasFinished = false;
  private isReceiving = false;
  /** A long head waits for its turn. */
  private isHeld = false;
  private lingeringBytes = 0;

  constructor(socket: Socket<HttpConnection | undefined>, remoteAddress: string, host: ConnectionHost) {
    this.socket = socket;
    this.remoteAddress = remoteAddress;
    this.host = host;
    this.writer = new AnswerWriter(socket, this);
  }

  /** Runs a part of its work. A bug in it ends this connection alone. */
  contain(work: () => void): void {
    try {
      work();
    } catch (bug) {
      this.host.bug(bug);
      this.terminate();
    }
  }

  /** The socket's `data`. */
  received(chunk: Buffer): void {
    if (this.phase === "closed") return;
    if (this.phase === "lingering") {
      this.lingeringBytes += chunk.length;
      if (this.lingeringBytes > lingeringBytesMax) this.terminate();
      return;
    }
    if (this.isLongInComing()) {
      this.terminate();
      return;
    }
    if (this.isHeld || this.phase === "answering" || this.phase === "sending") {
      this.keep(chunk);
      this.pause();
      return;
    }
    this.read(chunk);
  }

  /** The socket's `drain`. */
  drained(): void {
    if (this.phase === "sending") this.writer.transmit();
  }

  /**
   * The socket's `end`: the client sends nothing more. It is still answered what it has asked for whole, but not waited
   * with for an answer that may be long in coming: a client that has closed both sides looks the same.
   */
  finished(): void {
    this.hasFinished = true;
    if (this.isLongInComing()) this.tellGone();
    else if (this.phase === "lingering" || this.isWaiting()) this.close();
  }

  /** The socket's `close`: whatever waited for it is told. */
  ended(): void {
    if (this.phase === "closed") return;
    this.enter("closed");
    this.forget();
    this.writer.end();
    this.tellGone();
  }

  /** Ends it at once, for both sides: what the client has not read yet is lost. */
  terminate(): void {
    if (this.phase === "closed") return;
    this.socket.terminate();
    this.ended();
  }

  /** A deadline has passed. */
  expire(): void {
    const isUnfinished = (this.phase === "head" && this.pending.length > 0) || this.phase === "body";
    if (isUnfinished) this.refuse(408, "the request took too long");
    else this.close();
  }

  /** No further request: ends now, unless something is being answered. */
  leave(): void {
    this.isKept = false;
    if (this.phase === "idle" || this.phase === "head") this.close();
  }

  /** Ends it for both sides. What the system has taken of an answer still goes out; what waits here is dropped. */
  close(): void {
    if (this.phase === "sending") {
      this.terminate();
      return;
    }
    if (this.phase === "closed") return;
    this.socket.end();
    this.ended();
  }

  private tellGone(): void {
    const { gone } = this;
    this.gone = undefined;
    gone?.();
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.host.entered(this);
  }

  /** A method, because the phase changes behind the type checker's back. */
  private isReading(): boolean {
    return this.phase === "idle" || this.phase === "head" || this.phase === "body";
  }

  /** The answer may be long in coming: what the client does meanwhile ends the connection. */
  private isLongInComing(): boolean {
    return this.phase === "answering" && this.gone !== undefined;
  }

  /** Nothing of what has come can be answered without more of it. */
  private isWaiting(): boolean {
    return this.isReading() && !this.isHeld && !(this.phase === "idle" && this.pending.length > 0);
  }

  /** Reads requests as far as they have come. */
  private read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.phase !== "body" && this.pending.length > 0) {
      this.keep(chunk);
      bytes = this.pending.view();
    }
    const { scanFrom } = this;
    this.scanFrom = 0;
    this.isReceiving = true;
    let at = 0;
    let requests = 0;
    let isHeadOpen = false;
    this.isHeld = false;
    while (at < bytes.length && this.isReading()) {
      if (this.phase === "body") at = this.readBody(bytes, at);
      else {
        at = afterEmptyLines(bytes, at);
        if (at === bytes.length || requests >= requestsPerTurn) break;
        this.isHeld = !this.host.longHeads.mayRead(bytes.length - at);
        if (this.isHeld) break;
        const next = this.readHead(bytes, at, Math.max(at, scanFrom));
        isHeadOpen = next === -1;
        if (isHeadOpen) break;
        at = next;
        requests++;
      }
    }
    this.isReceiving = false;
    if (this.phase === "closed" || this.phase === "lingering") {
      this.forget();
      return;
    }
    const wasPending = bytes !== chunk;
    if (at >= bytes.length) this.kept(this.pending.clear());
    else if (at > 0 || !wasPending) this.kept(this.pending.replace(bytes.subarray(at)));
    if (this.pending.length === 0) return;
    if (this.isHeld) {
      this.pause();
      this.host.waitToRead(this);
    } else if (isHeadOpen) {
      // The end of the head may be cut in two.
      this.scanFrom = Math.max(0, this.pending.length - 3);
      if (this.phase === "idle") this.enter("head");
    } else if (this.phase === "idle") {
      this.pause();
      setImmediate(() => this.goOn());
    } else if (this.isLongInComing()) this.terminate();
    else if (this.phase === "answering" || this.phase === "sending") this.pause();
  }

  /** Reads what was kept while the connection was busy, or until it was its turn. */
  goOn(): void {
    this.contain(() => this.readKept());
  }

  private readKept(): void {
    if (this.phase !== "idle" && !this.isHeld) return;
    this.isHeld = false;
    const bytes = this.pending.view();
    this.kept(this.pending.clear());
    if (bytes.length > 0) this.read(bytes);
    // What is left of whole requests waits for the next turn.
    if (this.isWaiting()) this.awaitMore();
    // Its client is to be seen leaving.
    else if (this.isLongInComing()) this.resume();
  }

  private awaitMore(): void {
    if (this.hasFinished) this.close();
    else this.resume();
  }

  /** Reads a head from `at`. Returns where it ended, or -1 while it has not ended. */
  private readHead(bytes: Buffer, at: number, scanFrom: number): number {
    const end = bytes.indexOf(endOfHead, scanFrom);
    const bytesOfHead = (end === -1 ? bytes.length : end + endOfHead.length) - at;
    if (bytesOfHead > this.host.headBytesMax) {
      this.host.headTooLong(this);
      this.refuse(431, `a request's head is longer than ${this.host.headBytesMax} bytes`);
      return bytes.length;
    }
    if (end === -1) {
      if (isBeginning(bytes, at)) return -1;
      // Another protocol: its end is not waited for.
      this.refuse(400, "the request line is malformed");
      return bytes.length;
    }
    const head = parseHead(bytes, at, end);
    if ("sentence" in head) {
      this.refuse(head.status, head.sentence);
      return bytes.length;
    }
    this.isHead = head.method === "HEAD";
    this.isCurrent = head.isCurrent;
    this.isKept &&= head.isKept;
    this.begin(head, bytesOfHead);
    return end + endOfHead.length;
  }

  private begin(head: RequestHead, headBytes: number): void {
    const { method, path, query, host, fields } = head;
    const request: HttpRequest = {
      method,
      path,
      query,
      host,
      remoteAddress: this.remoteAddress,
      headBytes,
      header: (name) => fields.get(name),
      onGone: (gone) => {
        if (this.phase === "closed") gone();
        else this.gone = gone;
      },
    };
    let result: ReturnType<HttpHandler>;
    try {
      result = this.host.handler(request);
    } catch (bug) {
      this.host.bug(bug);
      result = this.host.bugAnswer;
    }
    if (!("bytesMax" in result)) {
      // Its body stays unread, and nobody would know where the next request begins.
      if (head.body !== 0) this.isKept = false;
      this.settle(result);
      return;
    }
    this.wanted = result;
    this.body = new BodyReader(head.body, result.bytesMax);
    if (this.body.state === "open") {
      this.enter("body");
      // HTTP/1.0 knows no interim answers (RFC 9110, section 10.1.1).
      const isAwaited = this.isCurrent && fields.get("expect")?.toLowerCase() === "100-continue";
      if (isAwaited && this.socket.write(continueAnswer) < continueAnswer.length) this.terminate();
      return;
    }
    this.bodyRead(this.body, result);
  }

  private readBody(bytes: Buffer, at: number): number {
    const { body, wanted } = this;
    if (body === undefined || wanted === undefined) return bytes.length;
    const before = body.bytesKept;
    const next = body.push(bytes, at);
    this.host.kept(this, body.bytesKept - before);
    // The server may have ended it for what it keeps.
    if (this.phase === "body" && body.state !== "open") this.bodyRead(body, wanted);
    return next;
  }

  private bodyRead(body: BodyReader, wanted: WantsBody): void {
    this.host.kept(this, -body.bytesKept);
    this.body = undefined;
    this.wanted = undefined;
    if (body.state === "malformed") {
      this.refuse(400, "the body is malformed");
      return;
    }
    if (body.state === "too-long") this.isKept = false;
    try {
      this.settle(body.state === "too-long" ? wanted.tooLong() : wanted.answer(body.bytes()));
    } catch (bug) {
      this.host.bug(bug);
      this.settle(this.host.bugAnswer);
    }
  }

  /** Sends an answer when it is there. */
  private settle(answer: HttpAnswer | Promise<HttpAnswer>): void {
    if (!(answer instanceof Promise)) {
      this.send(answer);
      return;
    }
    this.enter("answering");
    if (this.hasFinished) this.tellGone();
    void answer.then(
      (ready) => this.answered(ready),
      (bug) => {
        this.host.bug(bug);
        this.answered(this.host.bugAnswer);
      },
    );
  }

  private answered(answer: HttpAnswer): void {
    if (this.phase !== "answering") {
      answer.ended?.();
      return;
    }
    this.gone = undefined;
    this.contain(() => this.send(answer));
  }

  /** What is no request, or comes too slowly: the connection ends with this. */
  private refuse(status: number, sentence: string): void {
    this.isKept = false;
    this.isHead = false;
    this.isCurrent = true;
    this.forget();
    this.send(textAnswer(status, `${sentence}\n`));
  }

  private send(given: HttpAnswer): void {
    const answer = this.writer.permitted(given);
    const isEndless = typeof answer.body !== "string" && !isParts(answer.body);
    // HTTP/1.0 knows no chunks: such a body ends with its connection.
    if (answer.isLast === true || (isEndless && !this.isCurrent)) this.isKept = false;
    this.phase = "sending";
    this.writer.begin(answer, { isHead: this.isHead, isCurrent: this.isCurrent, isKept: this.isKept });
  }

  mayHold(parts: BodyParts): boolean {
    return this.host.mayHold(this, parts);
  }

  waits(): void {
    this.host.entered(this);
  }

  hold(parts: BodyParts): void {
    this.host.hold(this, parts);
  }

  release(parts: BodyParts): void {
    this.host.release(this, parts);
  }

  mayWrite(): boolean {
    return this.host.turnBytesLeft > 0;
  }

  wrote(bytes: number): void {
    this.host.turnBytesLeft -= bytes;
  }

  waitForTurn(): void {
    this.host.waitForTurn(this);
  }

  date(): string {
    return this.host.date();
  }

  broken(): void {
    this.terminate();
  }

  sent(): void {
    this.writer.end();
    if (!this.isKept) {
      this.forget();
      this.enter("lingering");
      if (this.hasFinished) {
        this.close();
        return;
      }
      // Only our side: with the client's bytes unread, closing both would reset the connection, and the answer be lost.
      this.socket.shutdown();
      this.resume();
      return;
    }
    this.enter("idle");
    if (this.isReceiving) return;
    if (this.pending.length > 0) this.goOn();
    else this.awaitMore();
  }

  /** Drops what is kept of a request. */
  private forget(): void {
    this.kept(this.pending.clear());
    if (this.body !== undefined) this.host.kept(this, -this.body.bytesKept);
    this.body = undefined;
    this.wanted = undefined;
  }

  private keep(chunk: Buffer): void {
    this.kept(this.pending.add(chunk, this.host.headBytesMax));
  }

  private kept(by: number): void {
    if (by !== 0) this.host.kept(this, by);
  }

  private pause(): void {
    if (this.isPaused || this.phase === "closed") return;
    this.isPaused = true;
    this.socket.pause();
  }

  private resume(): void {
    if (!this.isPaused || this.phase === "closed") return;
    this.isPaused = false;
    this.socket.resume();
  }
}

/** Empty lines before a request are skipped, and not kept (RFC 9112, section 2.2). */
function afterEmptyLines(bytes: Buffer, at: number): number {
  let start = at;
  while (bytes[start] === 0x0d && bytes[start + 1] === 0x0a) start += 2;
  return start;
}
