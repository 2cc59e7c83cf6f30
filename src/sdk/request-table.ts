// Requests in progress, matched with their responses by sequence number. Each request settles exactly once: by its
// response, by its timeout, or by the end of the connection.

import { ErrorResp } from "../wire/gen/messages/error-resp.ts";
import type { Header } from "../wire/gen/messages/header.ts";
import { Status } from "../wire/gen/messages/status.ts";
import { decodeMessage } from "../wire/message-codec.ts";
import { RequestRefused, RequestTimedOut } from "./client-errors.ts";
import { deferred } from "./deferred.ts";
import type { Cancel, Environment } from "./environment.ts";

interface PendingRequest {
  readonly command: string;
  readonly cancel: Cancel;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface OpenRequest {
  readonly sequence: number;
  /** The body of the response; rejects with RequestRefused, RequestTimedOut or the argument of `failAll`. */
  readonly answer: Promise<Uint8Array>;
}

export class RequestTable {
  private readonly environment: Environment;
  private readonly timeoutMs: number;
  private readonly queued = new Map<number, PendingRequest>();
  private sequence: number;

  /** Sequence numbers wrap after 2^32 - 1. */
  constructor(environment: Environment, timeoutMs: number, firstSequence = 1) {
    this.environment = environment;
    this.timeoutMs = timeoutMs;
    this.sequence = firstSequence;
  }

  get size(): number {
    return this.queued.size;
  }

  /** Registers a request under the next sequence number that is not in use. */
  open(command: string): OpenRequest {
    while (this.queued.has(this.sequence)) this.sequence = (this.sequence + 1) >>> 0;
    const sequence = this.sequence;
    this.sequence = (sequence + 1) >>> 0;
    const { promise: answer, resolve, reject } = deferred<Uint8Array>();
    const cancel = this.environment.after(this.timeoutMs, () => {
      this.queued.delete(sequence);
      reject(new RequestTimedOut(command, this.timeoutMs));
    });
    this.queued.set(sequence, { command, cancel, resolve, reject });
    return { sequence, answer };
  }

  /** Settles the request of a response. A response that no request waits for is dropped. */
  settle({ sequence, status }: Header, body: Uint8Array): void {
    const request = this.queued.get(sequence);
    if (request === undefined) return;
    this.queued.delete(sequence);
    request.cancel();
    if (status === Status.Success) request.resolve(body);
    else request.reject(new RequestRefused(request.command, status, decodeMessage(ErrorResp, body)?.message ?? ""));
  }

  /** Rejects all requests, because the connection has ended. */
  failAll(error: Error): void {
    const requests = [...this.queued.values()];
    this.queued.clear();
    for (const { cancel, reject } of requests) {
      cancel();
      reject(error);
    }
  }
}
