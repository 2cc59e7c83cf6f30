// One request from its head to its answer: asks the handler, reads the body, and waits for the answer.

import type { AnswerFrame } from "./answer-writer.ts";
import { BodyReader } from "./body-reader.ts";
import type { ConnectionHost, Phase } from "./connection-host.ts";
import type { HttpAnswer } from "./http-answer.ts";
import type { HttpHandler, HttpRequest, WantsBody } from "./http-handler.ts";
import type { RequestHead } from "./request-head.ts";

/** The connection of a request. */
export interface ExchangeOwner {
  readonly phase: Phase;
  readonly remoteAddress: string;
  /** The client has ended its side. */
  readonly hasFinished: boolean;
  /** False: the connection ends with the next answer. */
  isKept: boolean;
  contain(work: () => void): void;
  enter(phase: "body" | "answering"): void;
  /** Sends the interim answer 100, which asks for the body. */
  sendContinue(): void;
  send(answer: HttpAnswer, exchange: Pick<AnswerFrame, "isHead" | "isCurrent">): void;
  /** Answers with an error of the client, and ends the connection. */
  refuse(status: number, sentence: string): void;
}

type Host<Owner> = Pick<ConnectionHost<Owner>, "handler" | "bugAnswer" | "bug" | "kept">;

export class Exchange<Owner extends ExchangeOwner> {
  /** The request is a HEAD. */
  readonly isHead: boolean;
  /** The request is one of HTTP/1.1. */
  readonly isCurrent: boolean;
  private readonly owner: Owner;
  private readonly host: Host<Owner>;
  private body: BodyReader | undefined;
  private wanted: WantsBody | undefined;
  private gone: (() => void) | undefined;

  constructor({ method, isCurrent }: RequestHead, owner: Owner, host: Host<Owner>) {
    this.isHead = method === "HEAD";
    this.isCurrent = isCurrent;
    this.owner = owner;
    this.host = host;
  }

  /** The answer may take long: what the client does meanwhile ends the connection. */
  get isLongInComing(): boolean {
    return this.owner.phase === "answering" && this.gone !== undefined;
  }

  /** Asks the handler. */
  begin(head: RequestHead, headBytes: number): void {
    const { owner } = this;
    const { method, path, query, host, fields } = head;
    const request: HttpRequest = {
      method,
      path,
      query,
      host,
      remoteAddress: owner.remoteAddress,
      headBytes,
      header: (name) => fields.get(name),
      onGone: (gone) => {
        if (owner.phase === "closed") gone();
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
      // The body stays unread, so the start of the next request is unknown.
      if (head.body !== 0) owner.isKept = false;
      this.settle(result);
      return;
    }
    this.wanted = result;
    this.body = new BodyReader(head.body, result.bytesMax);
    if (this.body.state === "open") {
      owner.enter("body");
      // HTTP/1.0 has no interim answers (RFC 9110, section 10.1.1).
      if (this.isCurrent && fields.get("expect")?.toLowerCase() === "100-continue") owner.sendContinue();
      return;
    }
    this.bodyRead(this.body, result);
  }

  /** Reads the body from `bytes[at]` on. Returns where it stopped. */
  readBody(bytes: Buffer, at: number): number {
    const { body, wanted } = this;
    if (body === undefined || wanted === undefined) return bytes.length;
    const before = body.bytesKept;
    const next = body.push(bytes, at);
    this.host.kept(this.owner, body.bytesKept - before);
    // `kept` may have ended the connection.
    if (this.owner.phase === "body" && body.state !== "open") this.bodyRead(body, wanted);
    return next;
  }

  private bodyRead(body: BodyReader, wanted: WantsBody): void {
    const { owner } = this;
    this.drop();
    if (body.state === "malformed") {
      owner.refuse(400, "the body is malformed");
      return;
    }
    if (body.state === "too-long") owner.isKept = false;
    try {
      this.settle(body.state === "too-long" ? wanted.tooLong() : wanted.answer(body.bytes()));
    } catch (bug) {
      this.host.bug(bug);
      this.settle(this.host.bugAnswer);
    }
  }

  /** Drops the bytes kept of the body. */
  drop(): void {
    if (this.body !== undefined) this.host.kept(this.owner, -this.body.bytesKept);
    this.body = undefined;
    this.wanted = undefined;
  }

  private settle(answer: HttpAnswer | Promise<HttpAnswer>): void {
    const { owner } = this;
    if (!(answer instanceof Promise)) {
      owner.send(answer, this);
      return;
    }
    owner.enter("answering");
    if (owner.hasFinished) this.tellGone();
    void answer.then(
      (ready) => this.answered(ready),
      (bug) => {
        this.host.bug(bug);
        this.answered(this.host.bugAnswer);
      },
    );
  }

  private answered(answer: HttpAnswer): void {
    const { owner } = this;
    if (owner.phase !== "answering") {
      answer.ended?.();
      return;
    }
    this.gone = undefined;
    owner.contain(() => owner.send(answer, this));
  }

  /** Tells the handler, once, that the client has gone. */
  tellGone(): void {
    const { gone } = this;
    this.gone = undefined;
    gone?.();
  }
}
