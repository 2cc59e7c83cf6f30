// Cuts the bytes of a connection into requests. Bytes that arrive while a request is answered wait here, unread as far
// as possible; so does a long head until its turn.

import type { ConnectionHost, Phase } from "./connection-host.ts";
import { PendingBytes } from "./pending-bytes.ts";
import { isBeginning, parseHead, type RequestHead } from "./request-head.ts";

const endOfHead = Buffer.from("\r\n\r\n");
/** Requests that arrived together and are answered in one turn. */
const requestsPerTurn = 32;

/** The connection whose requests are read. */
export interface RequestOwner {
  readonly phase: Phase;
  /** True in the phases in which bytes are read. */
  readonly isReading: boolean;
  /** The answer may take long: what the client does meanwhile ends the connection. */
  readonly isLongInComing: boolean;
  enter(phase: "head"): void;
  /** Answers the request, or waits for its body. */
  begin(head: RequestHead, headBytes: number): void;
  /** Reads a body from `bytes[at]` on. Returns where it stopped. */
  readBody(bytes: Buffer, at: number): number;
  /** Answers with an error of the client, and ends the connection. */
  refuse(status: number, sentence: string): void;
  /** Drops the bytes kept of requests. */
  forget(): void;
  /** Calls `readKept`. */
  goOn(): void;
  pause(): void;
  /** Resumes the client, or closes the connection if the client has ended its side. */
  awaitMore(): void;
  resume(): void;
  terminate(): void;
}

type Host<Owner> = Pick<ConnectionHost<Owner>, "headBytesMax" | "headTooLong" | "kept" | "longHeads" | "waitToRead">;

export class RequestReader<Owner extends RequestOwner> {
  /** A long head waits for its turn. */
  isHeld = false;
  private readonly owner: Owner;
  private readonly host: Host<Owner>;
  /** The beginning of a request, or requests that wait. */
  private readonly pending = new PendingBytes();
  /** Where the end of the head is looked for next. */
  private scanFrom = 0;
  private isReceiving = false;

  constructor(owner: Owner, host: Host<Owner>) {
    this.owner = owner;
    this.host = host;
  }

  /** True if no bytes are kept. */
  get isEmpty(): boolean {
    return this.pending.length === 0;
  }

  /** True if no request can be answered without further bytes. */
  get isWaiting(): boolean {
    return this.owner.isReading && !this.isHeld && !(this.owner.phase === "idle" && !this.isEmpty);
  }

  /** Keeps `chunk` for later, and owns it from now on. */
  keep(chunk: Buffer): void {
    this.kept(this.pending.add(chunk, this.host.headBytesMax));
  }

  /** Drops the kept bytes. */
  drop(): void {
    this.kept(this.pending.clear());
  }

  /** Reads requests as far as they have arrived. */
  read(chunk: Buffer): void {
    const { owner } = this;
    let bytes = chunk;
    if (owner.phase !== "body" && !this.isEmpty) {
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
    while (at < bytes.length && owner.isReading) {
      if (owner.phase === "body") at = owner.readBody(bytes, at);
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
    if (owner.phase === "closed" || owner.phase === "lingering") {
      owner.forget();
      return;
    }
    const wasPending = bytes !== chunk;
    if (at >= bytes.length) this.drop();
    else if (at > 0 || !wasPending) this.kept(this.pending.replace(bytes.subarray(at)));
    if (!this.isEmpty) this.waitWith(isHeadOpen);
  }

  /** Waits with the unread bytes: for a turn, for the end of a head, or until a request is answered. */
  private waitWith(isHeadOpen: boolean): void {
    const { owner } = this;
    if (this.isHeld) {
      owner.pause();
      this.host.waitToRead(owner);
    } else if (isHeadOpen) {
      // The empty line may be cut in two.
      this.scanFrom = Math.max(0, this.pending.length - 3);
      if (owner.phase === "idle") owner.enter("head");
    } else if (owner.phase === "idle") {
      owner.pause();
      setImmediate(() => owner.goOn());
    } else if (owner.isLongInComing) owner.terminate();
    else if (owner.phase === "answering" || owner.phase === "sending") owner.pause();
  }

  /** A request has been answered: reads the next one, unless it is being read. */
  next(): void {
    if (this.isReceiving) return;
    if (this.isEmpty) this.owner.awaitMore();
    else this.owner.goOn();
  }

  /** Reads the bytes kept while the connection was busy, or until its turn. */
  readKept(): void {
    const { owner } = this;
    if (owner.phase !== "idle" && !this.isHeld) return;
    this.isHeld = false;
    const bytes = this.pending.view();
    this.drop();
    if (bytes.length > 0) this.read(bytes);
    // Whole requests wait for the next turn.
    if (this.isWaiting) owner.awaitMore();
    // Without reading, the client's end would not be seen.
    else if (owner.isLongInComing) owner.resume();
  }

  /** Reads a head from `at`. Returns where it ended, or -1 while it has not ended. */
  private readHead(bytes: Buffer, at: number, scanFrom: number): number {
    const { owner } = this;
    const { headBytesMax } = this.host;
    const end = bytes.indexOf(endOfHead, scanFrom);
    const bytesOfHead = (end === -1 ? bytes.length : end + endOfHead.length) - at;
    if (bytesOfHead > headBytesMax) {
      this.host.headTooLong(owner);
      owner.refuse(431, `a request's head is longer than ${headBytesMax} bytes`);
      return bytes.length;
    }
    if (end === -1) {
      if (isBeginning(bytes, at)) return -1;
      // Another protocol: do not wait for its end.
      owner.refuse(400, "the request line is malformed");
      return bytes.length;
    }
    const head = parseHead(bytes, at, end);
    if ("sentence" in head) {
      owner.refuse(head.status, head.sentence);
      return bytes.length;
    }
    owner.begin(head, bytesOfHead);
    return end + endOfHead.length;
  }

  private kept(by: number): void {
    if (by !== 0) this.host.kept(this.owner, by);
  }
}

/** Empty lines before a request are skipped, and not kept (RFC 9112, section 2.2). */
function afterEmptyLines(bytes: Buffer, at: number): number {
  let start = at;
  while (bytes[start] === 0x0d && bytes[start + 1] === 0x0a) start += 2;
  return start;
}
