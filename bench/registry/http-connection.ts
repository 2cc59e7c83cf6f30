// A keep-alive HTTP connection of the load generator, one request at a time. Requests are bytes; of an answer the end
// is kept and the rest is counted, so that a thousand watchers of long lists cost the generator little more than the
// copy out of the kernel.

import type { Socket } from "bun";

export interface HttpAnswer {
  readonly bodyBytes: number;
  /** The end of the body, all of it if it is no longer than the connection keeps. */
  readonly tail: Buffer;
}

const endOfHead = "\r\n\r\n";
const nothing = Buffer.alloc(0);

export class HttpConnection {
  private readonly tailBytesMax: number;
  private socket: Socket<undefined> | undefined;
  private waiting: PromiseWithResolvers<HttpAnswer> | undefined;
  /** A head that has not come as a whole. */
  private head: Buffer = nothing;
  /** Bytes of the body still to come; undefined before its head. */
  private left: number | undefined;
  private bodyBytes = 0;
  private kept: Buffer[] = [];
  private isClosed = false;

  private constructor(tailBytesMax: number) {
    this.tailBytesMax = tailBytesMax;
  }

  /** Connects to `127.0.0.1:port`; keeps so much of each body's end. */
  static async connect(port: number, tailBytesMax = 64 * 1024): Promise<HttpConnection> {
    const connection = new HttpConnection(tailBytesMax);
    connection.socket = await Bun.connect<undefined>({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => connection.read(bytes),
        close: () => connection.lost("the node closed a connection"),
        error: (_, error) => connection.lost(error.message),
      },
    });
    return connection;
  }

  /** Sends a request; rejects when the connection ends before the answer, or the answer is not a 200. */
  ask(request: Buffer): Promise<HttpAnswer> {
    if (this.waiting !== undefined) throw new Error("a connection takes one request at a time");
    if (this.isClosed) return Promise.reject(new Error("the connection has ended"));
    const waiting = Promise.withResolvers<HttpAnswer>();
    this.waiting = waiting;
    const written = this.socket?.write(request) ?? -1;
    if (written !== request.length) this.lost(`the kernel took ${written} of ${request.length} bytes`);
    return waiting.promise;
  }

  get isOpen(): boolean {
    return !this.isClosed;
  }

  /** Nothing is heard of it any more. */
  close(): void {
    this.isClosed = true;
    this.socket?.terminate();
  }

  private lost(reason: string): void {
    if (this.isClosed) return;
    this.close();
    this.waiting?.reject(new Error(`${reason} in the middle of the run`));
  }

  private read(chunk: Buffer): void {
    let rest = chunk;
    if (this.left === undefined) {
      rest = this.head.length === 0 ? chunk : Buffer.concat([this.head, chunk]);
      const end = rest.indexOf(endOfHead);
      if (end === -1) {
        this.head = rest;
        return;
      }
      this.head = nothing;
      const head = rest.toString("latin1", 0, end);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (!head.startsWith("HTTP/1.1 200 ") || length === undefined) {
        this.lost(`the node answered ${JSON.stringify(head)}`);
        return;
      }
      this.bodyBytes = this.left = Number(length);
      rest = rest.subarray(end + endOfHead.length);
    }
    this.left -= rest.length;
    if (this.left < this.tailBytesMax) this.kept.push(rest);
    if (this.left > 0) return;
    const [only = nothing] = this.kept;
    const end = this.kept.length === 1 ? only : Buffer.concat(this.kept);
    const answer = { bodyBytes: this.bodyBytes, tail: end.subarray(-Math.min(this.tailBytesMax, this.bodyBytes)) };
    this.kept = [];
    this.left = undefined;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }
}

/** Connections to one node, each taking the next request when it is free. */
export class HttpPool {
  private readonly connections: readonly HttpConnection[];
  private readonly free: HttpConnection[];
  private readonly queue: ((connection: HttpConnection) => void)[] = [];

  private constructor(connections: readonly HttpConnection[]) {
    this.connections = connections;
    this.free = [...connections];
  }

  static async connect(port: number, count: number): Promise<HttpPool> {
    return new HttpPool(await Promise.all(Array.from({ length: count }, () => HttpConnection.connect(port))));
  }

  async ask(request: Buffer): Promise<HttpAnswer> {
    const connection = this.free.shift() ?? (await new Promise<HttpConnection>((resolve) => this.queue.push(resolve)));
    const answer = await connection.ask(request);
    const next = this.queue.shift();
    if (next === undefined) this.free.push(connection);
    else next(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}

/** A request without a body. */
export function getRequest(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost${endOfHead}`);
}

/** A form. */
export function formRequest(path: string, form: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded`;
  return Buffer.from(`${head}\r\ncontent-length: ${Buffer.byteLength(form)}${endOfHead}${form}`);
}

/** Throws when the API's code in an answer is not 0. */
export function assertOk({ tail, bodyBytes }: HttpAnswer): void {
  // A body that is longer than what is kept begins elsewhere, and is no refusal.
  if (bodyBytes > tail.length || tail.toString("latin1", 0, 10) === '{"code":0,') return;
  throw new Error(`the registry refused: ${tail.toString()}`);
}
