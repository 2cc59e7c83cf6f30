// Reads one HTTP/1.1 answer (RFC 9112) from the bytes of a connection: its status, and as much of its body as is
// wanted. The server is a stranger: lengths are bounded, and what is malformed ends the connection.

const headBytesMax = 16 * 1024;
const answerBytesMax = 64 * 1024;
/** With interim answers, the heads of chunks, and trailers: what is kept of a body holds the bytes around it, too. */
const takenBytesMax = 512 * 1024;

export interface HttpAnswer {
  readonly status: number;
  /** By names in lower case; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>;
  /** The first `answerBytesMax` bytes. */
  readonly body: string;
  /** Another request may follow on the connection. */
  readonly mayReuse: boolean;
}

/** The server does not speak HTTP; the message says what is wrong. */
class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

type Framing =
  | { readonly by: "length"; left: number }
  /** `left`: of the present chunk; -1: a chunk's head is expected; -2: trailers. */
  | { readonly by: "chunks"; left: number }
  | { readonly by: "end" };

export class AnswerReader {
  private held: Buffer = Buffer.alloc(0);
  private head: Pick<HttpAnswer, "status" | "headers"> | undefined;
  private framing: Framing = { by: "end" };
  private readonly parts: Buffer[] = [];
  private bodyBytes = 0;
  private takenBytes = 0;
  private isReusable = false;
  private readonly isTunnel: boolean;

  /** An answer to CONNECT has no body if it says success (RFC 9110, 9.3.6). */
  constructor(method: "POST" | "CONNECT" = "POST") {
    this.isTunnel = method === "CONNECT";
  }

  /** Takes what arrived; the answer as soon as it is complete, or too long to be read on. Throws BadAnswer. */
  push(bytes: Buffer): HttpAnswer | undefined {
    this.takenBytes += bytes.length;
    const answer = this.take(bytes);
    if (answer === undefined && this.takenBytes > takenBytesMax)
      throw new BadAnswer(`its answer is longer than ${takenBytesMax} bytes, with what is around its body`);
    return answer;
  }

  private take(bytes: Buffer): HttpAnswer | undefined {
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    while (this.head === undefined) {
      const end = this.held.indexOf("\r\n\r\n");
      if (end < 0 ? this.held.length > headBytesMax : end > headBytesMax)
        throw new BadAnswer(`the head of its answer is longer than ${headBytesMax} bytes`);
      if (end < 0) return undefined;
      const text = this.held.toString("latin1", 0, end);
      this.held = this.held.subarray(end + 4);
      this.readHead(text);
    }
    return this.readBody();
  }

  /** The connection has ended; the answer, if its body lasts until then. Throws BadAnswer. */
  end(): HttpAnswer {
    if (this.head === undefined || this.framing.by !== "end") throw new BadAnswer("it ended before its answer did");
    return this.complete(this.head, false);
  }

  private readHead(text: string): void {
    const [first = "", ...lines] = text.split("\r\n");
    const [, minor, digits] = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(first) ?? [];
    if (digits === undefined) throw new BadAnswer("its answer is not HTTP/1.1");
    const status = Number(digits);
    // An interim answer, before the one that counts.
    if (status < 200) return;
    const headers = new Map<string, string>();
    for (const line of lines) {
      const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new BadAnswer("a header of its answer is malformed");
      headers.set(name.toLowerCase(), value);
    }
    this.head = { status, headers };
    this.isReusable = minor === "1" && headers.get("connection")?.toLowerCase() !== "close";
    this.framing = this.isTunnel && status < 300 ? { by: "length", left: 0 } : framingOf(status, headers);
  }

  private readBody(): HttpAnswer | undefined {
    const { head, framing } = this;
    if (head === undefined) return undefined;
    if (framing.by === "length") {
      framing.left -= this.keep(framing.left);
      return framing.left === 0 || this.isFull ? this.complete(head, framing.left === 0) : undefined;
    }
    if (framing.by === "end") {
      this.keep(this.held.length);
      return this.isFull ? this.complete(head, false) : undefined;
    }
    while (this.held.length > 0 && !this.isFull) {
      if (framing.left > 0) {
        framing.left -= this.keep(framing.left);
        if (framing.left === 0) framing.left = -3;
        continue;
      }
      const end = this.held.indexOf("\r\n");
      if (end < 0) {
        if (this.held.length > headBytesMax) throw new BadAnswer("a chunk of its answer is malformed");
        return undefined;
      }
      const line = this.held.toString("latin1", 0, end);
      this.held = this.held.subarray(end + 2);
      if (framing.left === -3) {
        if (line !== "") throw new BadAnswer("a chunk of its answer is longer than it says");
        framing.left = -1;
      } else if (framing.left === -2) {
        if (line === "") return this.complete(head, true);
      } else {
        const [, size] = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line) ?? [];
        if (size === undefined) throw new BadAnswer("a chunk of its answer is malformed");
        const bytes = Number.parseInt(size, 16);
        framing.left = bytes === 0 ? -2 : bytes;
      }
    }
    return this.isFull ? this.complete(head, false) : undefined;
  }

  private get isFull(): boolean {
    return this.bodyBytes >= answerBytesMax;
  }

  /** Moves bytes to the body, at most `most`; how many were moved. What is too long is not kept. */
  private keep(most: number): number {
    const taken = Math.min(most, this.held.length);
    const wanted = Math.min(taken, answerBytesMax - this.bodyBytes);
    if (wanted > 0) this.parts.push(this.held.subarray(0, wanted));
    this.bodyBytes += wanted;
    this.held = this.held.subarray(taken);
    return taken;
  }

  private complete(head: Pick<HttpAnswer, "status" | "headers">, isWhole: boolean): HttpAnswer {
    const mayReuse = isWhole && this.isReusable && this.held.length === 0;
    return { ...head, body: Buffer.concat(this.parts).toString("utf8"), mayReuse };
  }
}

function framingOf(status: number, headers: ReadonlyMap<string, string>): Framing {
  if (status === 204 || status === 304) return { by: "length", left: 0 };
  const encoding = headers.get("transfer-encoding")?.toLowerCase();
  if (encoding === "chunked") return { by: "chunks", left: -1 };
  if (encoding !== undefined) throw new BadAnswer(`its answer has the unknown transfer encoding ${encoding}`);
  const length = headers.get("content-length");
  if (length === undefined) return { by: "end" };
  if (!/^\d{1,15}$/.test(length)) throw new BadAnswer("the length of its answer is malformed");
  return { by: "length", left: Number(length) };
}
