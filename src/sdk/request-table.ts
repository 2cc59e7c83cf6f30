// Requests that wait for their answers, paired by sequence in any order. Every request is settled exactly once: by its
// response, by its time-out, or by the connection's end.

import { decodeBody } from "../wire/body.ts";
import { ErrorRespSchema, type Header, Status } from "../wire/gen/pkt_pb.ts";
import { RequestRefused, RequestTimedOut } from "./client-errors.ts";
import { deferred } from "./deferred.ts";
import type { Cancel, Environment } from "./environment.ts";

interface Waiting {
  readonly command: string;
  readonly cancel: Cancel;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface OpenRequest {
  readonly sequence: number;
  /** The response's body; rejects with RequestRefused, RequestTimedOut or what `failAll` was given. */
  readonly answer: Promise<Uint8Array>;
}

export class RequestTable {
  private readonly environment: Environment;
  private readonly timeoutMs: number;
  private readonly waiting = new Map<number, Waiting>();
  private sequence: number;

  /** `firstSequence`: numbers wrap after 2^32 - 1. */
  constructor(environment: Environment, timeoutMs: number, firstSequence = 1) {
    this.environment = environment;
    this.timeoutMs = timeoutMs;
    this.sequence = firstSequence;
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Takes the next sequence that no unanswered request has. */
  open(command: string): OpenRequest {
    while (this.waiting.has(this.sequence)) this.sequence = (this.sequence + 1) >>> 0;
    const sequence = this.sequence;
    this.sequence = (sequence + 1) >>> 0;
    const { promise: answer, resolve, reject } = deferred<Uint8Array>();
    const cancel = this.environment.after(this.timeoutMs, () => {
      this.waiting.delete(sequence);
      reject(new RequestTimedOut(command, this.timeoutMs));
    });
    this.waiting.set(sequence, { command, cancel, resolve, reject });
    return { sequence, answer };
  }

  /** Settles the request that a response answers. One that nobody waits for any more is dropped. */
  settle({ sequence, status }: Header, body: Uint8Array): void {
    const request = this.waiting.get(sequence);
    if (request === undefined) return;
    this.waiting.delete(sequence);
    request.cancel();
    if (status === Status.Success) request.resolve(body);
    else request.reject(new RequestRefused(request.command, status, decodeBody(ErrorRespSchema, body)?.message ?? ""));
  }

  /** The connection ended: nobody will answer. */
  failAll(error: Error): void {
    const requests = [...this.waiting.values()];
    this.waiting.clear();
    for (const { cancel, reject } of requests) {
      cancel();
      reject(error);
    }
  }
}
