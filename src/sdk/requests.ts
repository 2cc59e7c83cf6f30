// Requests and their answers over one link, paired by sequence, in any order.

import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorRespSchema, type Header, Status } from "../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../wire/packet.ts";
import { Disconnected, RequestRefused, RequestTimedOut } from "./errors.ts";
import type { WireLink } from "./wire-link.ts";

interface Waiting {
  resolve(body: Uint8Array): void;
  reject(error: Error): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The unanswered requests of one link. */
export class Requests {
  private readonly link: WireLink;
  private readonly timeoutMs: number;
  private readonly waiting = new Map<number, Waiting>();
  private sequence = 0;

  constructor(link: WireLink, timeoutMs: number) {
    this.link = link;
    this.timeoutMs = timeoutMs;
  }

  /** Sends a request; resolves with the body of a Success. Rejects with one of the errors of errors.ts. */
  send<Desc extends DescMessage>(command: string, dest: string, schema: Desc, init: MessageInitShape<Desc>): Promise<Uint8Array> {
    this.sequence = (this.sequence + 1) >>> 0;
    const { sequence } = this;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(() => {
      this.waiting.delete(sequence);
      reject(new RequestTimedOut(`no answer to ${command} within ${this.timeoutMs} ms`));
    }, this.timeoutMs);
    this.waiting.set(sequence, { resolve, reject, timer });
    this.link.send(encodeLogicPacket({ command, dest, sequence }, toBinary(schema, create(schema, init))));
    return promise;
  }

  /** Takes a response. One that nobody waits for (any more) is dropped. */
  answered(header: Header, body: Uint8Array): void {
    const waiting = this.waiting.get(header.sequence);
    if (waiting === undefined) return;
    this.waiting.delete(header.sequence);
    clearTimeout(waiting.timer);
    if (header.status === Status.Success) waiting.resolve(body);
    else waiting.reject(new RequestRefused(header.status, sentenceOf(header.status, body)));
  }

  /** The link is gone: every request that waits fails. */
  abandon(): void {
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new Disconnected("the connection ended before the answer came"));
    }
    this.waiting.clear();
  }
}

function sentenceOf(status: number, body: Uint8Array): string {
  try {
    return fromBinary(ErrorRespSchema, body).message || `status ${status}`;
  } catch {
    return `status ${status}`;
  }
}
